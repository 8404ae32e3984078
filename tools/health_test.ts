import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("./health.ts", import.meta.url));

/** Runs the health check with the permissions of the container. */
async function exitCodeFor(port: number): Promise<number> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-env=RELAY_SERVER__MANAGEMENT__PORT", script],
    env: { RELAY_SERVER__MANAGEMENT__PORT: String(port) },
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
