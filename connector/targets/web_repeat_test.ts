import assert from "node:assert/strict";
import { bytes, RawServer, relayRequest, targetContext, testClients, textOf } from "./testkit.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** A server that answers the first request of each connection and closes on the second, as an idle limit does in the wrong moment. */
function closingOnSecondRequest(how: "end" | "resetAndDestroy"): Promise<RawServer> {
  return RawServer.start(async (connection) => {
    await connection.head();
    connection.send(OK);
    await Promise.race([connection.head(), connection.closed]);
    connection.socket[how]();
  });
}

testClients("handle() repeats a GET on a new connection when a kept one dies", async (newTarget) => {
  for (const how of ["end", "resetAndDestroy"] as const) {
    await using server = await closingOnSecondRequest(how);
    await using target = newTarget({ url: server.url });
    for (let count = 0; count < 2; count++) {
      assert.equal(await textOf(await target.handle(relayRequest(), targetContext())), "ok");
    }
    assert.equal(server.connections.length, 2);
  }
});

testClients(
  "handle() does not send a POST again when a kept connection dies, and opens new ones from then on",
  async (newTarget) => {
    for (const how of ["end", "resetAndDestroy"] as const) {
      await using server = await closingOnSecondRequest(how);
      await using target = newTarget({ url: server.url });
      const request = relayRequest({ method: "POST", body: bytes("once") });
      await target.handle(request, targetContext());
      await assert.rejects(target.handle(request, targetContext()), { name: "RelayError", code: "target_unreachable" });
      assert.equal(server.connections.length, 1);
      for (let count = 0; count < 3; count++) await target.handle(request, targetContext());
      assert.equal(server.connections.length, 4);
    }
  },
);

testClients("handle() gives a POST no connection that a GET has used", async (newTarget) => {
  await using server = await closingOnSecondRequest("end");
  await using target = newTarget({ url: server.url });
  await target.handle(relayRequest(), targetContext());
  assert.equal(
    await textOf(await target.handle(relayRequest({ method: "POST", body: bytes("x") }), targetContext())),
    "ok",
  );
});

testClients("handle() gives a PUT whose body is a stream no connection that a GET has used", async (newTarget) => {
  await using server = await closingOnSecondRequest("end");
  await using target = newTarget({ url: server.url });
  await target.handle(relayRequest(), targetContext());
  const body = { stream: ReadableStream.from([bytes("x")]), length: 1 };
  assert.equal(await textOf(await target.handle(relayRequest({ method: "PUT", body }), targetContext())), "ok");
});

testClients(
  "handle() does not repeat a GET when a part of the head came, or its body is a stream",
  async (newTarget) => {
    await using server = await RawServer.start(async (connection) => {
      await connection.head();
      connection.send(OK);
      await connection.head();
      connection.socket.end("HTTP/1.1 200");
    });
    await using target = newTarget({ url: server.url });
    await target.handle(relayRequest(), targetContext());
    await assert.rejects(target.handle(relayRequest(), targetContext()), { code: "target_unreachable" });
    assert.equal(server.connections.length, 1);

    await using closing = await closingOnSecondRequest("end");
    await using other = newTarget({ url: closing.url });
    const streamed = () => relayRequest({ body: { stream: ReadableStream.from([bytes("x")]), length: 1 } });
    await other.handle(streamed(), targetContext());
    await assert.rejects(other.handle(streamed(), targetContext()), { code: "target_unreachable" });
    assert.equal(closing.connections.length, 1);
  },
);
