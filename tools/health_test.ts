import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { makeCertificate } from "../tests/testkit/certificate.ts";
import { requireCommands } from "../tests/testkit/requirement.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });
const script = fileURLToPath(new URL("./health.ts", import.meta.url));
const VARIABLES = ["RELAY_SERVER__MANAGEMENT__PORT", "RELAY_SERVER__MANAGEMENT__TLS__CERT_FILE"];

/** Runs the health check with the permissions of the container. */
async function exitCodeFor(port: number, certFile = ""): Promise<number> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", `--allow-env=${VARIABLES.join(",")}`, script],
    env: { RELAY_SERVER__MANAGEMENT__PORT: String(port), RELAY_SERVER__MANAGEMENT__TLS__CERT_FILE: certFile },
    stdout: "null",
    stderr: "null",
  }).output();
  return output.code;
}

Deno.test("health.ts exits with 0 when the server is alive, with 1 when it is not well or gone", async () => {
  let status = 200;
  const paths: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    paths.push(new URL(request.url).pathname);
    return new Response(null, { status });
  });
  const { port } = server.addr;
  assert.equal(await exitCodeFor(port), 0);
  status = 503;
  assert.equal(await exitCodeFor(port), 1);
  await server.shutdown();
  assert.equal(await exitCodeFor(port), 1);
  assert.deepEqual(paths, ["/health/live", "/health/live"]);
});

Deno.test({
  name: openssl.label("health.ts asks by HTTPS where the management listener has a certificate, whoever has signed it"),
  ignore: openssl.isSkipped,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { certFile, keyFile } = await makeCertificate(folder, openssl.path("openssl"));
      const [cert, key] = await Promise.all([Deno.readTextFile(certFile), Deno.readTextFile(keyFile)]);
      const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} };
      await using server = Deno.serve(options, () => new Response());
      assert.equal(await exitCodeFor(server.addr.port, certFile), 0);
      assert.equal(await exitCodeFor(server.addr.port), 1);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
