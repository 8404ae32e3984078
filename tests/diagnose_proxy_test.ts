import assert from "node:assert/strict";
import { startBrokenProxy, startTestProxy, type TestProxy } from "../shared/net/testing.ts";
import { assertFailedAt, diagnose, NOBODY } from "./testkit/diagnose.ts";
import { startServer } from "./testkit/server.ts";

/** A proxy that refuses to open tunnels. */
function startRefusingProxy(status: string): Promise<TestProxy> {
  return startBrokenProxy(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`);
}

Deno.test("diagnose takes the proxy that the connector takes", async () => {
  await using server = await startServer();
  await using proxy = await startTestProxy();
  const tenant = await server.database.createTenant();
  const { code, steps } = await diagnose(server.url, tenant, { proxy: proxy.url.href });
  assert.equal(code, 0, JSON.stringify(steps, null, 1));
  const detail = (name: string) => steps.find(({ step }) => step === name)?.detail;
  assert.equal(detail("proxy"), `${proxy.url.origin}, leads to 127.0.0.1 port ${new URL(server.url).port}`);
  assert.equal(detail("tcp"), "the proxy connects to the server");
  assert.ok(proxy.asked.length >= 3, `${proxy.asked.length} tunnels`);
});

Deno.test("diagnose names a proxy that wants other credentials, without showing those it has", async () => {
  await using server = await startServer();
  await using proxy = await startRefusingProxy("407 Proxy Authentication Required");
  const url = new URL(proxy.url);
  Object.assign(url, { username: "me", password: "a-proxy-password" });
  const tenant = await server.database.createTenant();
  const result = await diagnose(server.url, tenant, { proxy: url.href });
  assertFailedAt(result, "proxy", { detail: /credentials \(407\)/, advice: /^Check user and password in `proxy`/ });
  assert.doesNotMatch(result.out, /a-proxy-password/);
});

Deno.test("diagnose names a proxy that is not there", async () => {
  const result = await diagnose("http://127.0.0.1:9", NOBODY, { proxy: "http://127.0.0.1:1" });
  assertFailedAt(result, "proxy", {
    detail: /Cannot reach the proxy http:\/\/127\.0\.0\.1:1/,
    advice: /^Check the address/,
  });
});

Deno.test("diagnose names a proxy that refuses the address, speaks no HTTP, or has a name that does not resolve", async () => {
  await using strict = await startRefusingProxy("403 Forbidden");
  const refused = await diagnose("https://relay.example", NOBODY, { proxy: strict.url.href });
  assertFailedAt(refused, "proxy", { detail: /refused the connection \(403\)/, advice: /^Have it allow CONNECT/ });
  await using nonsense = await startBrokenProxy("SSH-2.0-OpenSSH\r\n");
  const spoken = await diagnose("https://relay.example", NOBODY, { proxy: nonsense.url.href });
  assertFailedAt(spoken, "proxy", { detail: /speaks no HTTP/, advice: /^Check the address/ });
  const unknown = await diagnose("https://relay.example", NOBODY, { proxy: "http://no-such-proxy.invalid:3128" });
  assertFailedAt(unknown, "dns", { detail: /no-such-proxy\.invalid/, advice: /spelled in proxy or HTTPS_PROXY/ });
});
