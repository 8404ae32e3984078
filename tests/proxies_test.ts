import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";
import { startConnector } from "./testkit/connector.ts";
import { bodyOf, digest, digestOf } from "./testkit/bodies.ts";
import { within } from "./testkit/deadline.ts";
import { assertProblem } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { type ProxyName, startProxy, type TestProxy } from "./testkit/proxy.ts";
import { requireCommands, type Requirement } from "./testkit/requirement.ts";
import { startServer } from "./testkit/server.ts";
import { startTarget } from "./testkit/target.ts";

/** A server behind a proxy, with a connector that came through the proxy. */
async function startBehind(
  name: ProxyName,
  programs: Requirement,
  handler: (request: Request) => Response | Promise<Response>,
) {
  await using resources = new AsyncDisposableStack();
  const target = resources.use(startTarget(handler));
  // The proxy's port is not known yet: the server learns its own address from the trusted proxy.
  const server = resources.use(await startServer({ trustedProxies: ["127.0.0.1"], baseDomain: "relay.localhost" }));
  const proxy = resources.use(await startProxy(name, { serverPort: server.port, programs }));
  const tenant = await server.database.createTenant();
  const place = { url: proxy.url };
  resources.use(await startConnector(place, tenant, { caFile: proxy.caFile, targets: { app: target.url } }));
  const client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(proxy.caFile)] });
  resources.defer(() => client.close());
  const kept = resources.move();
  return {
    server,
    proxy,
    tenant,
    target,
    /** Sends a request through the proxy. The path begins with the target's name. */
    relay: (path: string, init: RequestInit = {}) =>
      fetch(`${proxy.url}/relay/${tenant.name}/${path}`, { redirect: "manual", ...init, client }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Asks the proxy from another address of this machine, and reads the answer as text. */
async function askFrom(
  localAddress: string,
  { proxy, path, headers, host = "localhost" }: {
    readonly proxy: TestProxy;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly host?: string;
  },
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { host: "127.0.0.1", servername: host, port: proxy.port, path, localAddress, agent: false as const };
  const ca = await Deno.readTextFile(proxy.caFile);
  httpsRequest({ ...options, headers: { Host: `${host}:${proxy.port}`, ...headers }, ca }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => text += part);
    response.on("end", () => resolve(text));
  }).on("error", reject).end();
  return await within(promise, { timeoutMs: 10_000, what: "the answer" });
}

/** Answers with what it got. */
const mirror = (request: Request) => {
  const { method, url, headers } = request;
  return Response.json({ method, url: url.replace(/^http:\/\/[^/]*/, ""), headers: Object.fromEntries(headers) });
};

for (const name of ["nginx", "caddy"] as const) {
  const programs = await requireCommands([name, "openssl"], { requirement: "proxy" });
  const test = (what: string, fn: () => Promise<void>) =>
    Deno.test({ name: programs.label(`${name}: ${what}`), ignore: programs.isSkipped, fn });

  test("a connector connects through the documented configuration, and requests are relayed", async () => {
    await using site = await startBehind(name, programs, mirror);
    const response = await site.relay("app/a//b%2Fc/?d=%20&e=/../", { headers: { "X_Under-Score": "1" } });
    const { method, url, headers } = await response.json();
    assert.deepEqual([method, url, headers["x_under-score"]], ["GET", "/a//b%2Fc/?d=%20&e=/../", "1"]);
    await assertProblem(await site.relay("nothing"), { status: 404, code: "target_unknown" });
  });

  test("the target learns the client's address and the name it asked for, not what a client makes up", async () => {
    await using site = await startBehind(name, programs, mirror);
    const { proxy, tenant } = site;
    const made = {
      "X-Forwarded-For": "6.6.6.6",
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "gopher",
      "Forwarded": "for=6.6.6.6;host=evil.example",
    };
    const text = await askFrom("127.0.0.9", { proxy, path: `/relay/${tenant.name}/app/`, headers: made });
    const { headers } = JSON.parse(text);
    assert.equal(headers["x-forwarded-for"], "127.0.0.9, 127.0.0.1");
    assert.equal(headers["x-forwarded-host"], `localhost:${proxy.port}`);
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.doesNotMatch(headers["forwarded"], /6\.6\.6\.6|evil/);
    assert.equal(headers["accept-encoding"], undefined);
    const { properties } = await testLog.waitFor({ message: /{status}/, properties: { tenant: tenant.name } });
    assert.equal(properties["clientAddress"], "127.0.0.9");
  });

  test("server-sent events arrive one by one", async () => {
    const confirmed: PromiseWithResolvers<void>[] = [0, 1, 2].map(() => Promise.withResolvers());
    const events = () => {
      let index = 0;
      const body = new ReadableStream({
        async pull(controller) {
          if (index > 0) await confirmed[index - 1]!.promise;
          if (index === confirmed.length) return controller.close();
          controller.enqueue(new TextEncoder().encode(`data: ${index++}\n\n`));
        },
      }, { highWaterMark: 0 });
      return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
    };
    await using site = await startBehind(name, programs, events);
    const response = await site.relay("app");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    for (const [index, { resolve }] of confirmed.entries()) {
      const { value } = await within(reader.read(), { timeoutMs: 5000, what: `event ${index}` });
      assert.equal(value, `data: ${index}\n\n`);
      resolve();
    }
    assert.equal((await reader.read()).done, true);
  });

  test("an upload passes as it comes, and large bodies arrive byte for byte", async () => {
    const begun = Promise.withResolvers<void>();
    const reading = async (request: Request) => {
      const [counted, watched] = request.body!.tee();
      watched.getReader().read().then(() => begun.resolve());
      return new Response(await digest(counted));
    };
    await using site = await startBehind(name, programs, reading);
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const slow = site.relay("app", { method: "POST", body: readable });
    const writer = writable.getWriter();
    await writer.write(new Uint8Array(1000));
    await within(begun.promise, { timeoutMs: 5000, what: "the beginning of the upload at the target" });
    await writer.close();
    assert.match(await (await slow).text(), /^1000 bytes/);
    const size = 8 * (1 << 20) + 123;
    const body = await new Response(bodyOf(size)).bytes();
    const whole = await site.relay("app", { method: "PUT", body });
    assert.equal(await whole.text(), await digestOf(size));
  });

  test("a target can neither steer the proxy nor lose its redirects", async () => {
    const steering = () =>
      new Response("mine", {
        status: 302,
        headers: [
          ["X-Accel-Redirect", "/health/live"],
          ["Location", "http://relayserver/there"],
          ["Server", "target"],
          ["Set-Cookie", "a=1"],
          ["Set-Cookie", "b=2"],
        ],
      });
    await using site = await startBehind(name, programs, steering);
    const response = await site.relay("app");
    assert.deepEqual(
      [response.status, response.headers.get("location"), response.headers.getSetCookie(), await response.text()],
      [302, "http://relayserver/there", ["a=1", "b=2"], "mine"],
    );
    assert.match(response.headers.get("server") ?? "", /target/);
  });

  test("a client whose head does not come is dropped, which the listener native would not do", async () => {
    await using site = await startBehind(name, programs, mirror);
    const caCerts = [await Deno.readTextFile(site.proxy.caFile)];
    using client = await Deno.connectTls({ hostname: "127.0.0.1", port: site.proxy.port, caCerts });
    await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: "));
    const ended = client.read(new Uint8Array(1000)).catch(() => null);
    await within(ended, { timeoutMs: 8000, what: "the end of the connection" });
  });

  test("host routing works below the documented wildcard", async () => {
    await using site = await startBehind(name, programs, mirror);
    const host = `app--${site.tenant.name}.relay.localhost`;
    const text = await askFrom("127.0.0.1", { proxy: site.proxy, path: "/health/live?x", headers: {}, host });
    const { url, headers } = JSON.parse(text);
    assert.deepEqual([url, headers["x-forwarded-host"]], ["/health/live?x", `${host}:${site.proxy.port}`]);
  });
}
