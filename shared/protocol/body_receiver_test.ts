import assert from "node:assert/strict";
import { BodyReceiver } from "./body_receiver.ts";
import { readAll, turn } from "./testing.ts";
import { ReceiveWindow, START_WINDOW_BYTES, WINDOW_BUDGET_BYTES, WindowBudget } from "./window.ts";

const CLOCK = { now: () => 0, roundTripMs: undefined };
const HALF = START_WINDOW_BYTES / 2;

function setUp(length?: number) {
  const budget = new WindowBudget();
  const grants: number[] = [];
  const calls = { abandoned: 0 };
  const port = { grant: (bytes: number) => void grants.push(bytes), abandon: () => void calls.abandoned++ };
  const receiver = new BodyReceiver(port, new ReceiveWindow(budget, CLOCK), length);
  return { receiver, budget, grants, calls, reader: () => receiver.body.stream.getReader() };
}

Deno.test("receive() hands a waiting reader the bytes, and ends the body with the last frame", async () => {
  const { receiver, budget } = setUp();
  const all = readAll(receiver.body);
  receiver.receive(new Uint8Array([1, 2]), true);
  await turn();
  receiver.receive(new Uint8Array(0), true);
  receiver.receive(new Uint8Array([3]), true);
  await turn();
  assert.equal(receiver.isSettled, false);
  receiver.receive(new Uint8Array(0), false);
  assert.equal(receiver.isSettled, true);
  assert.deepEqual(await all, new Uint8Array([1, 2, 3]));
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
});

Deno.test("receive() keeps what nobody has read yet, in order, past the end of the body", async () => {
  const { receiver } = setUp(200_000);
  for (const fill of [1, 2, 3, 4]) receiver.receive(new Uint8Array(50_000).fill(fill), fill < 4);
  const all = await readAll(receiver.body);
  assert.equal(all.length, 200_000);
  assert.deepEqual([0, 50_000, 100_000, 199_999].map((at) => all[at]), [1, 2, 3, 4]);
});

Deno.test("receive() gives credit only as the reader reads", async () => {
  const { receiver, grants, reader } = setUp();
  for (let at = 0; at < START_WINDOW_BYTES; at += 65_536) receiver.receive(new Uint8Array(65_536), true);
  await turn();
  assert.deepEqual(grants, []);
  const reading = reader();
  await reading.read();
  assert.deepEqual(grants, []);
  await reading.read();
  assert.deepEqual(grants, [HALF]);
});

Deno.test("receive() gives no credit for a body whose last byte is here", async () => {
  const { receiver, grants } = setUp();
  receiver.receive(new Uint8Array(HALF), true);
  receiver.receive(new Uint8Array(HALF), false);
  await readAll(receiver.body);
  assert.deepEqual(grants, []);
});

Deno.test("receive() throws flow_control at the first byte beyond the credit", () => {
  const { receiver } = setUp();
  receiver.receive(new Uint8Array(START_WINDOW_BYTES), true);
  assert.throws(() => receiver.receive(new Uint8Array(1), true), { name: "ProtocolError", code: "flow_control" });
});

for (const [sizes, length] of [[[11], 10], [[5, 6], 10], [[9], 10], [[], 1], [[1], 0]] as const) {
  Deno.test(`receive() throws body_length when ${length} bytes were announced and [${sizes}] come`, () => {
    const { receiver } = setUp(length);
    const receive = () => {
      for (const size of sizes) receiver.receive(new Uint8Array(size), true);
      receiver.receive(new Uint8Array(0), false);
    };
    assert.throws(receive, { name: "ProtocolError", code: "body_length" });
  });
}

Deno.test("receive() takes a body of length 0", async () => {
  const { receiver, budget } = setUp(0);
  receiver.receive(new Uint8Array(0), false);
  assert.equal((await readAll(receiver.body)).length, 0);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
});

Deno.test("receive() joins tiny pieces, so that a window of them costs no more than its bytes", async () => {
  const { receiver, reader } = setUp();
  const message = new Uint8Array(1000);
  for (let index = 0; index < 100_000; index++) {
    message[0] = index;
    receiver.receive(message.subarray(0, 1), index < 99_999);
  }
  const reading = reader();
  const chunks: Uint8Array[] = [];
  for (let result = await reading.read(); !result.done; result = await reading.read()) chunks.push(result.value);
  assert.ok(chunks.length <= 100_000 / 4096 + 1, `${chunks.length} chunks`);
  const all = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
  assert.equal(all.length, 100_000);
  assert.ok(all.every((byte, index) => byte === index % 256));
});

Deno.test("receive() does not keep a large message alive for a small piece of it", async () => {
  const { receiver, reader } = setUp();
  receiver.receive(new Uint8Array(1024 * 1024).subarray(1000, 6000), true);
  const { value } = await reader().read();
  assert.equal(value?.length, 5000);
  assert.equal(value?.buffer.byteLength, 5000);
});

Deno.test("fail() errors the body at once and drops what was not read", async () => {
  const { receiver, budget, calls, reader } = setUp();
  receiver.receive(new Uint8Array(100), true);
  receiver.fail(new Error("broken"));
  receiver.fail(new Error("again"));
  await assert.rejects(reader().read(), { message: "broken" });
  assert.equal(receiver.isSettled, true);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
  assert.equal(calls.abandoned, 0);
});

Deno.test("fail() reaches a reader that is waiting", async () => {
  const { receiver, reader } = setUp();
  const read = reader().read();
  await turn();
  receiver.fail(new Error("broken"));
  await assert.rejects(read, { message: "broken" });
});

Deno.test("fail() does nothing after the body was read to its end", async () => {
  const { receiver } = setUp();
  receiver.receive(new Uint8Array(1), false);
  const all = await readAll(receiver.body);
  receiver.fail(new Error("late"));
  assert.equal(all.length, 1);
});

Deno.test("cancelling the body abandons it once, releases the window and drops what still comes", async () => {
  const { receiver, budget, grants, calls } = setUp(10);
  receiver.receive(new Uint8Array(5), true);
  await receiver.body.stream.cancel();
  assert.equal(calls.abandoned, 1);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
  receiver.receive(new Uint8Array(START_WINDOW_BYTES * 2), false);
  receiver.fail(new Error("late"));
  assert.deepEqual(grants, []);
  assert.equal(calls.abandoned, 1);
});

Deno.test("cancelling the body while a read is pending ends that read", async () => {
  const { calls, reader } = setUp();
  const reading = reader();
  const read = reading.read();
  await turn();
  await reading.cancel();
  assert.equal((await read).done, true);
  assert.equal(calls.abandoned, 1);
});

Deno.test("cancelling a body whose last byte is here releases the window and abandons nothing", async () => {
  const { receiver, budget, calls } = setUp();
  receiver.receive(new Uint8Array(5), false);
  await receiver.body.stream.cancel();
  assert.equal(calls.abandoned, 0);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
});
