import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Interceptor } from "../server/mod.ts";
import { settled } from "./testkit/bodies.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { assertProblem } from "./testkit/http.ts";
import { testLog } from "./testkit/log.ts";
import { startSite } from "./testkit/site.ts";
import { type ServerOverrides, startServer } from "./testkit/server.ts";
import { connectTcp } from "./testkit/tcp.ts";
import { echo, SocketClient, startSocketApplication } from "./testkit/websocket.ts";

for (const listener of ["node", "native"] as const) {
  const settings: ServerOverrides = { listener };
  const test = (name: string, fn: () => Promise<void>) => Deno.test(`${listener}: ${name}`, fn);

  test("text and binary messages go both ways, whole and in order, of every size", async () => {
    await using application = await startSocketApplication(echo);
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/ws`).opened();
    const big = crypto.getRandomValues(new Uint8Array(60_000));
    const messages = [
      "",
      "hello",
      "ü€😀",
      "x".repeat(300_000),
      new Uint8Array(0),
      big,
      new Uint8Array(700_000).fill(7),
    ];
    for (const message of messages) client.socket.send(message);
    for (const message of messages) assert.deepEqual(await client.next(), message);
    client.socket.close(1000, "bye");
    assert.deepEqual(await client.ended(), [1000, "bye"]);
  });

  test("a text keeps the byte order mark it begins with", async () => {
    await using application = await startSocketApplication(echo);
    await using site = await startSite({ app: application.url }, settings);
    const client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/ws`);
    const received = new Promise((resolve) => client.socket.once("message", resolve));
    await using _open = await client.opened();
    client.socket.send("\uFEFFtext");
    assert.deepEqual(await received, Buffer.from("\uFEFFtext"));
  });

  test("Deno's own client talks through it", async () => {
    await using application = await startSocketApplication(echo);
    await using site = await startSite({ app: application.url }, settings);
    const socket = new WebSocket(`${site.server.url.replace("http", "ws")}/relay/${site.tenant.name}/app/`);
    const said = Promise.withResolvers<unknown>();
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.onmessage = ({ data }) => said.resolve(data);
    socket.onopen = () => socket.send("from Deno");
    assert.equal(await within(said.promise, { timeoutMs: 5000, what: "the echo" }), "from Deno");
    socket.close(3001, "enough");
    const { code, reason } = await closed;
    assert.deepEqual([code, reason], [3001, "enough"]);
  });

  test("the target gets path, query and headers as they were, and the client its sub-protocol and headers", async () => {
    const asked = Promise.withResolvers<IncomingMessage>();
    await using application = await startSocketApplication((_socket, request) => asked.resolve(request), {
      protocol: "two",
    });
    await using site = await startSite({ app: { url: `${application.url}/base` } }, settings);
    const headers = { "X-Twice": ["1", "2"], Cookie: "c=1", "RelayServer-Made": "up" };
    const url = `${site.server.url}/relay/${site.tenant.name}/app/a%2Fb//c?x=%20&y=1`;
    await using client = await new SocketClient(url, ["one", "two"], { headers, origin: "https://page.example" })
      .opened();
    assert.equal(client.socket.protocol, "two");
    assert.equal(client.response?.headers["x-application"], "yes");
    assert.deepEqual(client.response?.headers["set-cookie"], ["a=1", "b=2"]);
    const request = await asked.promise;
    assert.equal(request.url, "/base/a%2Fb//c?x=%20&y=1");
    assert.equal(request.headers.host, new URL(application.url).host);
    assert.equal(request.headers["sec-websocket-protocol"], "one,two");
    assert.equal(request.headers["x-twice"], "1, 2");
    assert.equal(request.headers.cookie, "c=1");
    assert.equal(request.headers.origin, "https://page.example");
    assert.equal(request.headers["relayserver-made"], undefined);
    assert.match(String(request.headers["x-forwarded-for"]), /127\.0\.0\.1/);
  });

  test("the target's close reaches the client, and the client's the target, with code and reason", async () => {
    const seen = Promise.withResolvers<[number, string]>();
    await using application = await startSocketApplication((socket) => {
      socket.on("message", () => socket.close(4001, "the target's reason"));
      socket.on("close", (code, reason) => seen.resolve([code, new TextDecoder().decode(reason)]));
    });
    await using site = await startSite({ app: application.url }, settings);
    const url = `${site.server.url}/relay/${site.tenant.name}/app/`;
    {
      await using client = await new SocketClient(url).opened();
      client.socket.send("close");
      assert.deepEqual(await client.ended(), [4001, "the target's reason"]);
    }
    const told = Promise.withResolvers<[number, string]>();
    application.sockets.clients.forEach((socket) => socket.terminate());
    await using second = await startSocketApplication((socket) => {
      socket.on("close", (code, reason) => told.resolve([code, new TextDecoder().decode(reason)]));
    });
    await using other = await startSite({ app: second.url }, settings);
    await using client = await new SocketClient(`${other.server.url}/relay/${other.tenant.name}/app/`).opened();
    client.socket.close(3999, "the client's reason");
    assert.deepEqual(await within(told.promise, { timeoutMs: 5000, what: "the close" }), [3999, "the client's reason"]);
  });

  test("who leaves without a word was heard to the end, on either side", async () => {
    const said = Array.from({ length: 20 }, (_, index) => `message ${index}`);
    const leave = (socket: SocketClient["socket"]) => {
      for (const message of said) socket.send(message);
      // The last message is with the system by then; no close frame follows it.
      socket.send("last", () => socket.terminate());
    };
    const heard: string[] = [];
    const closed = Promise.withResolvers<[number, string]>();
    await using application = await startSocketApplication((socket, { url }) => {
      if (url === "/leaves") return leave(socket);
      socket.on("message", (data) => heard.push(String(data)));
      socket.on("close", (code, reason) => closed.resolve([code, new TextDecoder().decode(reason)]));
    });
    await using site = await startSite({ app: application.url }, settings);
    const url = `${site.server.url}/relay/${site.tenant.name}/app`;
    await using listening = new SocketClient(`${url}/leaves`);
    for (const message of [...said, "last"]) assert.equal(await listening.next(), message);
    assert.deepEqual(await listening.ended(), [1011, "target_unreachable"]);
    await using leaving = await new SocketClient(`${url}/listens`).opened();
    leave(leaving.socket);
    const end = await within(closed.promise, { timeoutMs: 5000, what: "the end at the target" });
    assert.deepEqual([end, heard], [[1001, "the client has left"], [...said, "last"]]);
  });

  test("a target that refuses answers the client itself", async () => {
    const answer = "HTTP/1.1 403 Forbidden\r\nX-Why: policy\r\nContent-Length: 7\r\n\r\nnot you";
    await using application = await startSocketApplication(echo, { refuse: () => answer });
    await using site = await startSite({ app: application.url }, settings);
    await using client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`);
    const { response, text } = await client.refused();
    assert.deepEqual([response.statusCode, response.headers["x-why"], text], [403, "policy", "not you"]);
    assert.equal(response.headers["relayserver-error"], undefined);
  });

  test("who cannot be reached is answered by the relay, before the client is accepted", async () => {
    await using server = await startServer(settings);
    const tenant = await server.database.createTenant();
    const targets = { down: "http://127.0.0.1:1", echo: { type: "echo" }, inside: () => new Response("no") };
    await using unconnected = new SocketClient(`${server.url}/relay/${tenant.name}/app/`);
    assert.equal((await unconnected.refused()).response.statusCode, 503);
    await using _connector = await startConnector(server, tenant, { targets });
    for (
      const [path, status, code] of [
        [`${tenant.name}/down/`, 502, "target_unreachable"],
        [`${tenant.name}/nothing/`, 404, "target_unknown"],
        ["nobody/app/", 404, "tenant_unknown"],
        [`${tenant.name}/echo/`, 400, "invalid_request"],
        [`${tenant.name}/inside/`, 400, "invalid_request"],
      ] as const
    ) {
      await using client = new SocketClient(`${server.url}/relay/${path}`);
      const { response, text } = await client.refused();
      assert.equal(response.statusCode, status, path);
      const headers = { "relayserver-error": String(response.headers["relayserver-error"]) };
      assert.equal(headers["relayserver-error"], code);
      assert.equal(JSON.parse(text).code, code);
    }
  });

  test("a target that does not answer the handshake in time is 504", async () => {
    await using server = await startServer({ ...settings, requestExpiration: "300ms" });
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = silent.accept();
    const tenant = await server.database.createTenant();
    await using _connector = await startConnector(server, tenant, {
      targets: { app: `http://127.0.0.1:${silent.addr.port}` },
    });
    await using client = new SocketClient(`${server.url}/relay/${tenant.name}/app/`);
    const { response } = await client.refused();
    assert.deepEqual([response.statusCode, response.headers["relayserver-error"]], [504, "request_expired"]);
    (await accepted).close();
  });

  test("a malformed handshake is 400 and calls nobody", async () => {
    await using application = await startSocketApplication(() => assert.fail("called"));
    await using site = await startSite({ app: application.url }, settings);
    const good = {
      Connection: "Upgrade",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    };
    for (
      const change of [
        { "Sec-WebSocket-Version": "8" },
        { "Sec-WebSocket-Key": "short" },
        { "Sec-WebSocket-Key": "" },
        { Connection: "keep-alive" },
      ]
    ) {
      using client = await connectTcp(site.server.port);
      const headers = Object.entries({ ...good, ...change }).map(([name, value]) => `${name}: ${value}`).join("\r\n");
      const head =
        `GET /relay/${site.tenant.name}/app/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n${headers}\r\n\r\n`;
      await client.send(head);
      const response = await client.readResponse();
      assert.equal(response.status, 400, JSON.stringify(change));
    }
    assert.equal((await site.server.relay(site.tenant, "app/")).status, 200);
  });

  test("a client that vanishes takes the target's socket along, and leaves no request in flight", async () => {
    const gone = Promise.withResolvers<number>();
    await using application = await startSocketApplication((socket) =>
      socket.on("close", (code) => gone.resolve(code))
    );
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    client.socket.terminate();
    assert.equal(await within(gone.promise, { timeoutMs: 5000, what: "the end" }), 1001);
    await testLog.waitFor({
      message: /.*/,
      properties: { tenant: site.tenant.name, status: 101, errorCode: "client_gone" },
    });
  });

  test("a target that vanishes closes the client's socket with 1011", async () => {
    await using application = await startSocketApplication((socket) => socket.on("message", () => socket.terminate()));
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    client.socket.send("vanish");
    assert.deepEqual(await client.ended(), [1011, "target_unreachable"]);
  });

  test("a lost connector closes the client's socket with 1011, a drained one with 1001", async () => {
    await using application = await startSocketApplication(echo);
    await using server = await startServer(settings);
    const tenant = await server.database.createTenant();
    const url = `${server.url}/relay/${tenant.name}/app/`;
    {
      const connector = await startConnector(server, tenant, { targets: { app: application.url } });
      await using client = await new SocketClient(url).opened();
      await connector[Symbol.asyncDispose]();
      assert.deepEqual(await client.ended(), [1011, "connector_lost"]);
    }
    const connector = await startConnector(server, tenant, { targets: { app: application.url } });
    await using client = await new SocketClient(url).opened();
    await Promise.all([connector.drain(), client.ended()]);
    assert.deepEqual(await client.ended(), [1001, "the connector stops"]);
  });

  test("a server that drains closes its WebSockets with 1001 instead of waiting for them", async () => {
    const seen = Promise.withResolvers<number>();
    await using application = await startSocketApplication((socket) =>
      socket.on("close", (code) => seen.resolve(code))
    );
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    await Promise.all([site.server.relayServer.drain(), client.ended()]);
    assert.deepEqual(await client.ended(), [1001, "the server stops"]);
    assert.equal(await seen.promise, 1001);
  });

  test("the access log has one line with 101 and the bytes when it is over", async () => {
    await using application = await startSocketApplication(echo);
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/chat?token=x`)
      .opened();
    client.socket.send("12345");
    await client.next();
    client.socket.close(1000);
    await client.ended();
    const pattern = { message: /.*/, properties: { tenant: site.tenant.name, status: 101, errorCode: undefined } };
    const { properties } = await testLog.waitFor(pattern);
    assert.deepEqual([properties.method, properties.path, properties.target], ["GET", "/chat", "app"]);
    assert.ok(Number(properties.responseBytes) >= 5 && Number(properties.requestBytes) >= 5);
  });

  test("a WebSocket counts as a request in flight", async () => {
    await using application = await startSocketApplication(echo);
    await using server = await startServer({ ...settings, limits: { requestsPerTenant: 1 } });
    const tenant = await server.database.createTenant();
    await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
    await using client = await new SocketClient(`${server.url}/relay/${tenant.name}/app/`).opened();
    await assertProblem(await server.relay(tenant, "app/"), { status: 503, code: "overloaded" });
    client.socket.close();
    await client.ended();
    await testLog.waitFor({ message: /.*/, properties: { tenant: tenant.name, status: 101 } });
    const response = await server.relay(tenant, "app/");
    assert.deepEqual([response.status, await response.text()], [200, "plain"]);
  });

  test("a client that does not read holds the target back, with bounded memory, and gets all when it reads", async () => {
    let sent = 0;
    const done = Promise.withResolvers<void>();
    const COUNT = 400;
    await using application = await startSocketApplication(async (socket) => {
      for (; sent < COUNT; sent++) {
        await new Promise<void>((resolve) => socket.send(new Uint8Array(64 * 1024).fill(sent % 256), () => resolve()));
      }
      done.resolve();
    });
    await using site = await startSite({ app: application.url }, settings);
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    client.socket.pause();
    await settled(() => sent);
    assert.ok(sent < COUNT, `the target could send all ${COUNT} messages`);
    client.socket.resume();
    for (let count = 0; count < COUNT; count++) assert.equal((await client.next() as Uint8Array)[0], count % 256);
    await done.promise;
  });

  test("policies of the tenant hold for WebSockets too", async () => {
    await using application = await startSocketApplication(echo);
    await using server = await startServer(settings);
    const tenant = await server.database.createTenant({ requireAuthentication: true });
    await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
    const url = `${server.url}/relay/${tenant.name}/app/`;
    await using refused = new SocketClient(url);
    assert.equal((await refused.refused()).response.statusCode, 401);
    const headers = { "RelayServer-Authorization": `Bearer ${await server.token(tenant, "client")}` };
    await using client = await new SocketClient(url, [], { headers }).opened();
    client.socket.send("in");
    assert.equal(await client.next(), "in");
  });

  test("a policy decides whether a WebSocket is opened, and its limit for bodies is not one for messages", async () => {
    await using application = await startSocketApplication(echo);
    const accessPolicy = {
      default: "deny",
      rules: [{ name: "in", effect: "allow", pathPrefixes: ["/in"], maxBodySize: 10 }],
    };
    await using site = await startSite({ app: application.url }, settings, { tenant: { accessPolicy } });
    const url = `${site.server.url}/relay/${site.tenant.name}/app`;
    await using refused = new SocketClient(`${url}/out`);
    assert.equal((await refused.refused()).response.statusCode, 403);
    await using client = await new SocketClient(`${url}/in`).opened();
    client.socket.send("longer than ten bytes");
    assert.equal(await client.next(), "longer than ten bytes");
  });

  test("interceptors see the request for a WebSocket and its answer, and pass the messages on", async () => {
    const seen: unknown[] = [];
    await using application = await startSocketApplication((socket, request) => {
      seen.push(request.headers["x-interceptor"]);
      echo(socket, request);
    });
    const interceptor: Interceptor = {
      name: "test",
      interceptRequest: ({ headers }) => ({ headers: [...headers, ["X-Interceptor", "was here"]] }),
      interceptResponse: ({ status, headers }) => {
        seen.push(status);
        return { headers: [...headers, ["X-Interceptor", "too"]] };
      },
    };
    await using site = await startSite({ app: application.url }, settings, { interceptors: [interceptor] });
    await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
    assert.equal(client.response?.headers["x-interceptor"], "too");
    client.socket.send("hello");
    assert.equal(await client.next(), "hello");
    assert.deepEqual(seen.toSorted(), [101, "was here"]);
  });

  test("an interceptor that takes a WebSocket's messages away fails the request, and the target's socket ends", async () => {
    const closed = Promise.withResolvers<void>();
    await using application = await startSocketApplication((socket) => socket.on("close", () => closed.resolve()));
    const interceptor: Interceptor = { name: "test", interceptResponse: () => ({ body: "no messages" }) };
    await using site = await startSite({ app: application.url }, settings, { interceptors: [interceptor] });
    await using client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`);
    const { response } = await client.refused();
    assert.deepEqual([response.statusCode, response.headers["relayserver-error"]], [500, "internal_error"]);
    await within(closed.promise, { timeoutMs: 5000, what: "the end of the target's socket" });
  });

  test("host routing relays WebSockets", async () => {
    await using application = await startSocketApplication(echo);
    await using server = await startServer({ ...settings, baseDomain: "relay.localhost" });
    const tenant = await server.database.createTenant();
    await using _connector = await startConnector(server, tenant, { targets: { app: application.url } });
    const headers = { Host: `app--${tenant.name}.relay.localhost` };
    await using client = await new SocketClient(`${server.url}/ws`, [], { headers }).opened();
    client.socket.send("by host");
    assert.equal(await client.next(), "by host");
  });
}
