import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { settled } from "./testkit/bodies.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { testListeners } from "./testkit/listeners.ts";
import { startSite } from "./testkit/site.ts";
import { startServer } from "./testkit/server.ts";
import { connectTcp } from "./testkit/tcp.ts";
import { echo, SocketClient, startSocketApplication } from "./testkit/websocket.ts";

testListeners("text and binary messages go both ways, whole and in order, of every size", async (settings) => {
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

testListeners("a text keeps the byte order mark it begins with", async (settings) => {
  await using application = await startSocketApplication(echo);
  await using site = await startSite({ app: application.url }, settings);
  const client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/ws`);
  const received = new Promise((resolve) => client.socket.once("message", resolve));
  await using _open = await client.opened();
  client.socket.send("\uFEFFtext");
  assert.deepEqual(await received, Buffer.from("\uFEFFtext"));
});

testListeners("Deno's own client talks through it", async (settings) => {
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

testListeners(
  "the target gets path, query and headers as they were, and the client its sub-protocol and headers",
  async (settings) => {
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
  },
);

testListeners("a target that refuses answers the client itself", async (settings) => {
  const answer = "HTTP/1.1 403 Forbidden\r\nX-Why: policy\r\nContent-Length: 7\r\n\r\nnot you";
  await using application = await startSocketApplication(echo, { refuse: () => answer });
  await using site = await startSite({ app: application.url }, settings);
  await using client = new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`);
  const { response, text } = await client.refused();
  assert.deepEqual([response.statusCode, response.headers["x-why"], text], [403, "policy", "not you"]);
  assert.equal(response.headers["relayserver-error"], undefined);
});

testListeners("who cannot be reached is answered by the relay, before the client is accepted", async (settings) => {
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

testListeners("a target that does not answer the handshake in time is 504", async (settings) => {
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

testListeners("a malformed handshake is 400 and calls nobody", async (settings) => {
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
    const head = `GET /relay/${site.tenant.name}/app/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n${headers}\r\n\r\n`;
    await client.send(head);
    const response = await client.readResponse();
    assert.equal(response.status, 400, JSON.stringify(change));
  }
  assert.equal((await site.server.relay(site.tenant, "app/")).status, 200);
});

testListeners(
  "a client that does not read holds the target back, with bounded memory, and gets all when it reads",
  async (settings) => {
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
  },
);
