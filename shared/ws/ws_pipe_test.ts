import assert from "node:assert/strict";
import { WebSocket, WebSocketServer } from "ws";
import { testMessagePipe } from "../protocol/pipe_contract.ts";
import type { MessagePipe } from "../protocol/pipe.ts";
import { Recorder } from "../protocol/pipe_recorder.ts";
import { WsPipe } from "./ws_pipe.ts";

/** Two sockets of `ws`, connected; the accepting one takes messages of up to `maxPayload` bytes. */
async function connect(
  maxPayload = 2 * 1024 * 1024,
): Promise<[WebSocket, WebSocket] & AsyncDisposable> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, maxPayload });
  await new Promise((resolve) => server.once("listening", resolve));
  const accepted = new Promise<WebSocket>((resolve) => server.once("connection", resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address === "object");
  const client = new WebSocket(`ws://127.0.0.1:${address.port}/`, { perMessageDeflate: false });
  await new Promise((resolve, reject) => client.once("open", resolve).once("error", reject));
  const sockets: [WebSocket, WebSocket] = [client, await accepted];
  return Object.assign(sockets, {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

testMessagePipe("WsPipe", async () => {
  const sockets = await connect();
  const pipes: [MessagePipe, MessagePipe] = [new WsPipe(sockets[0]), new WsPipe(sockets[1])];
  return Object.assign(pipes, { [Symbol.asyncDispose]: () => sockets[Symbol.asyncDispose]() });
});

Deno.test("WsPipe closes with 1008 when the other side sends text", async () => {
  await using sockets = await connect();
  const [client, accepted] = sockets;
  const recorder = new Recorder(new WsPipe(accepted));
  const seen = new Promise<number>((resolve) => client.once("close", resolve));
  client.send("text");
  assert.deepEqual(await recorder.end, [1008, "only binary messages"]);
  assert.equal(await seen, 1008);
  assert.equal(recorder.messages.length, 0);
});

Deno.test("WsPipe ends at once when a message is too large, without waiting for the other side", async () => {
  await using sockets = await connect(1000);
  const [client, accepted] = sockets;
  const recorder = new Recorder(new WsPipe(accepted));
  client.on("error", () => {});
  client.send(new Uint8Array(1001));
  client.pause();
  assert.deepEqual(await recorder.end, [1006, ""]);
  assert.equal(recorder.messages.length, 0);
});

Deno.test("WsPipe says 1006 when the other side closes without a code", async () => {
  await using sockets = await connect();
  const [client, accepted] = sockets;
  const recorder = new Recorder(new WsPipe(accepted));
  client.close();
  assert.equal((await recorder.end)[0], 1006);
});
