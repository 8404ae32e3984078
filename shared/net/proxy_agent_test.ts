import assert from "node:assert/strict";
import { once } from "node:events";
import { type Agent, createServer, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { createProxyAgent } from "./proxy_agent.ts";
import { ProxyError, type ProxyErrorCode } from "./proxy_error.ts";
import { startBrokenProxy, startTestProxy, type TestProxy } from "./testing.ts";
import { openTunnel } from "./tunnel.ts";

/** Answers every request with its method and path. */
async function startApplication(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server = createServer((request, response) => void response.end(`${request.method} ${request.url}`));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function ask(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const open = url.startsWith("https:") ? httpsRequest : httpRequest;
    open(url, { agent }, async (message: IncomingMessage) => {
      let text = "";
      for await (const chunk of message.setEncoding("utf8")) text += chunk;
      resolve(text);
    }).on("error", reject).end();
  });
}

function agentFor(proxy: URL, timeoutMs = 5000) {
  const agent = createProxyAgent("http:", { tunnel: { proxy, timeoutMs }, agent: { keepAlive: true } });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

Deno.test("createProxyAgent() sends requests through one tunnel that is kept", async () => {
  await using application = await startApplication();
  await using proxy = await startTestProxy();
  using agent = agentFor(proxy.url);
  assert.equal(await ask(`http://127.0.0.1:${application.port}/a?b`, agent), "GET /a?b");
  assert.equal(await ask(`http://127.0.0.1:${application.port}/c`, agent), "GET /c");
  assert.deepEqual(proxy.asked, [`127.0.0.1:${application.port}`]);
});

Deno.test("createProxyAgent() tells the proxy its credentials, with every character", async () => {
  await using application = await startApplication();
  await using proxy = await startTestProxy({ credentials: "us er:p@:ß%" });
  const url = new URL(proxy.url);
  url.username = "us er";
  url.password = encodeURIComponent("p@:ß%");
  using agent = agentFor(url);
  assert.equal(await ask(`http://127.0.0.1:${application.port}/`, agent), "GET /");
});

async function assertFails(proxy: URL, code: ProxyErrorCode, message: RegExp, timeoutMs = 5000): Promise<void> {
  const isExpected = (error: unknown) => {
    assert.ok(error instanceof ProxyError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  };
  await assert.rejects(
    openTunnel({ host: "target.test", port: 443 }, { proxy, timeoutMs }, (socket) => socket),
    isExpected,
  );
  using agent = agentFor(proxy, timeoutMs);
  await assert.rejects(ask("http://target.test/", agent), isExpected);
}

const BROKEN: readonly (readonly [what: string, answer: string, code: ProxyErrorCode, message: RegExp])[] = [
  ["403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nnope", "proxy_refused", /refused the connection \(403\)/],
  ["502", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "proxy_cannot_connect", /could not connect there \(502\)/],
  ["407", "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n", "proxy_authentication", /credentials \(407\)/],
  ["a redirect", "HTTP/1.1 302 Found\r\nLocation: http://portal\r\n\r\n", "proxy_refused", /\(302\)/],
  [
    "a page",
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in</html>",
    "proxy_refused",
    /a page instead/,
  ],
  [
    "nonsense",
    "220 mail ready\r\n",
    "proxy_unreachable",
    /Cannot reach the proxy http:\/\/127\.0\.0\.1:\d+: .* no HTTP/,
  ],
];
for (const [what, answer, code, message] of BROKEN) {
  Deno.test(`openTunnel() fails with ${code} when the proxy answers with ${what}, and leaves no socket`, async () => {
    await using proxy = await startBrokenProxy(answer);
    const url = new URL(`http://user:hunter2@127.0.0.1:${proxy.port}`);
    await assertFails(url, code, message);
    await proxy.left();
  });
}

Deno.test("openTunnel() gives a silent proxy up when its time is over, and leaves no socket", async () => {
  await using proxy = await startBrokenProxy();
  await assertFails(proxy.url, "proxy_silent", /gave no answer within 100 ms/, 100);
  await proxy.left();
});

Deno.test("openTunnel() fails with proxy_unreachable when nobody listens, or the proxy hangs up", async () => {
  const { url, ...proxy } = await startBrokenProxy();
  await proxy[Symbol.asyncDispose]();
  await assertFails(url, "proxy_unreachable", /ECONNREFUSED/);
  await using hanging = await startBrokenProxy("");
  await assertFails(hanging.url, "proxy_unreachable", /closed the connection without an answer|ECONNRESET/);
});

Deno.test("a request that is given up while its tunnel opens leaves no socket", async () => {
  await using proxy: TestProxy = await startBrokenProxy();
  using agent = agentFor(proxy.url, 200);
  const request = httpRequest("http://target.test/", { agent });
  const failed = new Promise<void>((resolve) => request.on("error", () => resolve()));
  request.end();
  request.destroy(new Error("given up"));
  await failed;
  await proxy.left();
});
