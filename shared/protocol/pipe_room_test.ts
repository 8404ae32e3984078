import assert from "node:assert/strict";
import { PipeRoom } from "./pipe_room.ts";
import { FakeTime, settle } from "./testing.ts";

const MIB = 1024 * 1024;

Deno.test("PipeRoom lets everybody go on at once while there is room, and when there is again", async () => {
  using time = new FakeTime();
  const pipe = { bufferedAmount: MIB };
  const room = new PipeRoom(pipe);
  assert.equal(room.whenFree(), undefined);
  pipe.bufferedAmount++;
  const free = [room.whenFree(), room.whenFree()];
  let isFree = false;
  const all = Promise.all(free).then(() => isFree = true);
  time.pass(1_000);
  await settle();
  assert.equal(isFree, false);
  pipe.bufferedAmount = MIB;
  time.pass(2);
  await all;
  assert.deepEqual([room.whenFree(), time.timers], [undefined, 0]);
});

Deno.test("PipeRoom holds nobody once it is disposed of, and leaves no timer", async () => {
  using time = new FakeTime();
  const room = new PipeRoom({ bufferedAmount: 2 * MIB });
  const free = room.whenFree();
  room[Symbol.dispose]();
  time.pass(2);
  await free;
  assert.deepEqual([room.whenFree(), time.timers], [undefined, 0]);
});

Deno.test("PipeRoom tells of a peer that does not read at all", () => {
  const pipe = { bufferedAmount: 64 * MIB };
  const room = new PipeRoom(pipe);
  assert.equal(room.isExceeded, false);
  pipe.bufferedAmount++;
  assert.equal(room.isExceeded, true);
});
