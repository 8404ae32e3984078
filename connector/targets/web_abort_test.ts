import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { bytes, RawServer, relayRequest, streamOf, targetContext, testClients } from "./testkit.ts";

const ABORTED = new RelayError("client_gone", "Cannot go on: the client left");

testClients("handle() rejects with the signal's reason when aborted before it started", async (newTarget) => {
  await using server = await RawServer.start(() => {});
  await using target = newTarget({ url: server.url });
  await assert.rejects(target.handle(relayRequest(), targetContext({ signal: AbortSignal.abort(ABORTED) })), ABORTED);
  assert.equal(server.connections.length, 0);
});

testClients("handle() rejects with the signal's reason when aborted while it connects", async (newTarget) => {
  await using server = await RawServer.start(() => {});
  await using target = newTarget({ url: server.url });
  const controller = new AbortController();
  const call = target.handle(relayRequest(), targetContext({ signal: controller.signal }));
  controller.abort(ABORTED);
  await assert.rejects(call, ABORTED);
});

testClients(
  "handle() closes the socket when aborted before the head, while it uploads, or in a small body",
  async (newTarget) => {
    const phases: [string, Parameters<typeof relayRequest>[0], string][] = [
      ["\r\n\r\n", {}, ""],
      ["hello", { method: "POST", body: { stream: endless("hello") } }, ""],
      ["\r\n\r\n", {}, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"],
    ];
    for (const [mark, parts, partial] of phases) {
      const controller = new AbortController();
      await using server = await RawServer.start(async (connection) => {
        await connection.take(mark);
        connection.send(partial);
        controller.abort(ABORTED);
      });
      await using target = newTarget({ url: server.url });
      const call = target.handle(relayRequest(parts), targetContext({ signal: controller.signal }));
      await assert.rejects(call, ABORTED);
      await server.connections[0]?.closed;
    }
  },
);

testClients("handle() errors the body and closes the socket when aborted after the head", async (newTarget) => {
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
  });
  await using target = newTarget({ url: server.url });
  const controller = new AbortController();
  const response = await target.handle(relayRequest(), targetContext({ signal: controller.signal }));
  const reader = streamOf(response).getReader();
  await reader.read();
  const pending = reader.read();
  controller.abort(ABORTED);
  await assert.rejects(pending, ABORTED);
  await server.connections[0]?.closed;
});

testClients("handle() closes the socket when the body is cancelled", async (newTarget) => {
  await using server = await RawServer.start(async (connection) => {
    await connection.head();
    connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
  });
  await using target = newTarget({ url: server.url });
  const response = await target.handle(relayRequest(), targetContext());
  await streamOf(response).cancel();
  await server.connections[0]?.closed;
});

function endless(first: string): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(bytes(first)) });
}
