import assert from "node:assert/strict";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { testListeners } from "./testkit/listeners.ts";
import { testLog } from "./testkit/log.ts";
import { startSite } from "./testkit/site.ts";
import { startServer } from "./testkit/server.ts";
import { echo, SocketClient, startSocketApplication } from "./testkit/websocket.ts";

testListeners(
  "the target's close reaches the client, and the client's the target, with code and reason",
  async (settings) => {
    const told = Promise.withResolvers<[number, string]>();
    await using application = await startSocketApplication((socket) => {
      socket.on("message", () => socket.close(4001, "the target's reason"));
      socket.on("close", (code, reason) => code === 4001 || told.resolve([code, new TextDecoder().decode(reason)]));
    });
    await using site = await startSite({ app: application.url }, settings);
    const url = `${site.server.url}/relay/${site.tenant.name}/app/`;
    await using left = await new SocketClient(url).opened();
    left.socket.send("close");
    assert.deepEqual(await left.ended(), [4001, "the target's reason"]);
    await using client = await new SocketClient(url).opened();
    client.socket.close(3999, "the client's reason");
    assert.deepEqual(await within(told.promise, { timeoutMs: 5000, what: "the close" }), [3999, "the client's reason"]);
  },
);

testListeners("who leaves without a word was heard to the end, on either side", async (settings) => {
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

testListeners(
  "a client that vanishes takes the target's socket along, and leaves no request in flight",
  async (settings) => {
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
  },
);

testListeners("a target that vanishes closes the client's socket with 1011", async (settings) => {
  await using application = await startSocketApplication((socket) => socket.on("message", () => socket.terminate()));
  await using site = await startSite({ app: application.url }, settings);
  await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
  client.socket.send("vanish");
  assert.deepEqual(await client.ended(), [1011, "target_unreachable"]);
});

testListeners("a lost connector closes the client's socket with 1011, a drained one with 1001", async (settings) => {
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

testListeners("a server that drains closes its WebSockets with 1001 instead of waiting for them", async (settings) => {
  const seen = Promise.withResolvers<number>();
  await using application = await startSocketApplication((socket) => socket.on("close", (code) => seen.resolve(code)));
  await using site = await startSite({ app: application.url }, settings);
  await using client = await new SocketClient(`${site.server.url}/relay/${site.tenant.name}/app/`).opened();
  await Promise.all([site.server.relayServer.drain(), client.ended()]);
  assert.deepEqual(await client.ended(), [1001, "the server stops"]);
  assert.equal(await seen.promise, 1001);
});
