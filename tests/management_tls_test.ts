import assert from "node:assert/strict";
import { makeCertificate } from "./testkit/certificate.ts";
import { within } from "./testkit/deadline.ts";
import { requireCommands } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";

const openssl = await requireCommands(["openssl"], { requirement: "proxy" });

Deno.test({
  name: openssl.label(
    "management over TLS: events arrive as they happen, a stop ends them, cookies are for HTTPS only",
  ),
  ignore: openssl.isSkipped,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "relayserver-" });
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const { caFile, certFile, keyFile } = await makeCertificate(folder, openssl.path("openssl"));
    const server = cleanup.use(await startServer({ management: { port: 0, tls: { certFile, keyFile } } }));
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(caFile)], http2: false });
    const url = `https://localhost:${server.relayServer.managementAddress.port}/management`;
    const headers = { "Api-Key": await server.database.addApiKey("admin"), "Content-Type": "application/json" };
    const post = (path: string, json: unknown) =>
      fetch(url + path, { method: "POST", headers, body: JSON.stringify(json), client });

    const events = await fetch(`${url}/events`, { headers, client });
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    const read = async () => (await within(reader.read(), { timeoutMs: 10_000, what: "an event" })).value;
    assert.equal(await read(), "retry: 2000\n\n");
    await (await post("/tenants", { name: "acme" })).body?.cancel();
    assert.match((await read())!, /\nevent: tenantChanged\n/);

    const user = { name: "ada", password: "correct horse battery" };
    await (await post("/users", { ...user, role: "reader" })).body?.cancel();
    const login = await post("/session", user);
    assert.match(login.headers.get("Set-Cookie")!, /; HttpOnly; Secure; SameSite=Strict/);
    await login.body?.cancel();

    const draining = server.relayServer.drain();
    assert.match((await read())!, /originChanged/);
    assert.equal(await read(), undefined);
    await within(draining, { timeoutMs: 10_000, what: "the server to stop" });
  },
});
