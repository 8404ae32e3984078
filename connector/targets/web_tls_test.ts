import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { relayRequest, targetContext, textOf } from "./testkit.ts";
import { WebTarget } from "./web.ts";

/** A certificate for `localhost` and its key, made by `openssl`; `undefined` where that is missing. */
async function certificate(): Promise<{ readonly cert: string; readonly key: string } | undefined> {
  const directory = await Deno.makeTempDir();
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  args.push("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert);
  try {
    const { success } = await new Deno.Command("openssl", { args, stderr: "null", stdout: "null" }).output();
    assert.ok(success);
    return { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const pair = await certificate();

Deno.test({
  name: "handle() checks the certificate against the target's own name, with the configured authority",
  ignore: pair === undefined,
  async fn() {
    const server = createServer({ ...pair }, (request, response) => {
      const answer = `${request.headers.host} ${request.method}`;
      response.writeHead(200, { "Content-Length": answer.length }).end(answer);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const ask = async (options: Omit<ConstructorParameters<typeof WebTarget>[0], "url">, host = "localhost") => {
      await using target = new WebTarget({ url: `https://${host}:${port}/`, ...options });
      const answers: string[] = [];
      for (const method of ["GET", "GET", "POST"]) {
        const request = relayRequest({ method, headers: [["Host", "client.example"]] });
        answers.push(await textOf(await target.handle(request, targetContext())));
      }
      return answers;
    };
    const ca = pair?.cert;
    try {
      assert.deepEqual(await ask({ tls: { ca } }), [
        `localhost:${port} GET`,
        `localhost:${port} GET`,
        `localhost:${port} POST`,
      ]);
      // The name in `Host` is not the one the certificate must have.
      assert.equal((await ask({ tls: { ca }, preserveHost: true }))[0], "client.example GET");
      assert.equal((await ask({ tls: { insecureSkipVerify: true } }, "127.0.0.1"))[0], `127.0.0.1:${port} GET`);
      await assert.rejects(ask({}), { name: "RelayError", code: "target_unreachable" });
      await assert.rejects(ask({ tls: { ca } }, "127.0.0.1"), { name: "RelayError", code: "target_unreachable" });
    } finally {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  },
});
