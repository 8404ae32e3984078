import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { decodeClose, RecordReader } from "../../shared/websocket/record.ts";
import { relayRequest, streamOf, targetContext } from "./testkit.ts";
import { WebTarget } from "./web.ts";

Deno.test("drain() also closes a WebSocket that the target accepts only afterwards", async () => {
  const asked = Promise.withResolvers<(isAccepted: boolean) => void>();
  const closed = Promise.withResolvers<number>();
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    verifyClient: (_info: unknown, answer: (isAccepted: boolean) => void) => asked.resolve(answer),
  });
  await new Promise((resolve) => server.once("listening", resolve));
  server.on("connection", (socket: WebSocket) => socket.on("close", closed.resolve));
  try {
    await using target = new WebTarget({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const incoming = new TransformStream<Uint8Array, Uint8Array>();
    const request = relayRequest({ upgrade: "websocket", body: { stream: incoming.readable } });
    const answered = target.handle(request, targetContext());
    const answer = await asked.promise;
    target.drain();
    answer(true);
    const reader = new RecordReader();
    const records = [];
    for await (const chunk of streamOf(await answered)) records.push(...reader.read(chunk));
    assert.deepEqual(records.map(({ payload }) => decodeClose(payload)), [
      { code: 1001, reason: "the connector stops" },
    ]);
    assert.equal(await closed.promise, 1001);
    await incoming.writable.close();
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
