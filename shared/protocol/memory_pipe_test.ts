import assert from "node:assert/strict";
import { createMemoryPipes } from "./memory_pipe.ts";
import { testMessagePipe } from "./pipe_contract.ts";
import { turn } from "./testing.ts";

testMessagePipe("memory pipe", () => {
  const pair = createMemoryPipes();
  return Promise.resolve(Object.assign(pair, {
    [Symbol.asyncDispose]() {
      for (const pipe of pair) pipe.terminate();
      return Promise.resolve();
    },
  }));
});

Deno.test("send() copies the message, as a network would", async () => {
  const [left, right] = createMemoryPipes();
  const message = new Uint8Array([1]);
  left.send(message);
  message[0] = 2;
  const received = Promise.withResolvers<Uint8Array>();
  right.open({ message: received.resolve, closed() {} });
  assert.deepEqual(await received.promise, new Uint8Array([1]));
});

Deno.test("send() does not deliver within the call", async () => {
  const [left, right] = createMemoryPipes();
  let count = 0;
  right.open({ message: () => void count++, closed() {} });
  left.send(new Uint8Array([1]));
  assert.equal(count, 0);
  await turn();
  assert.equal(count, 1);
});

Deno.test("bufferedAmount is what the other side has not been given yet", async () => {
  const [left, right] = createMemoryPipes();
  left.send(new Uint8Array(5));
  left.send(new Uint8Array(6));
  assert.equal(left.bufferedAmount, 11);
  assert.equal(right.bufferedAmount, 0);
  right.open({ message() {}, closed() {} });
  await turn();
  assert.equal(left.bufferedAmount, 0);
});
