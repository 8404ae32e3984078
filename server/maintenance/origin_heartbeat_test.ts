import assert from "node:assert/strict";
import { FakeTime, settle } from "../../shared/protocol/testing.ts";
import { OriginRepository, type OriginState } from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import { OriginHeartbeat } from "./origin_heartbeat.ts";

const ORIGIN = { id: "o", machineName: "host", version: "1", publicUrl: null, startedAt: 5 };

Deno.test("OriginHeartbeat writes the origin's row while it lives", async () => {
  await using db = await memoryDatabase();
  const clock = new TestClock();
  const repository = new OriginRepository(db, clock.now);
  let connections = 0;
  const heartbeat = new OriginHeartbeat(repository, { origin: ORIGIN, connections: () => connections });
  const rows = async () => (await repository.list()).map(({ state, connections }) => [state, connections]);
  await heartbeat.start();
  assert.deepEqual(await repository.list(), [{
    ...ORIGIN,
    state: "ready",
    connections: 0,
    lastSeenAt: clock.now(),
  }]);
  connections = 3;
  heartbeat.drain();
  while ((await rows())[0]?.[0] !== "draining");
  assert.deepEqual(await rows(), [["draining", 3]]);
  connections = 0;
  await heartbeat.stop();
  assert.deepEqual(await rows(), [["stopped", 0]]);
});

Deno.test("OriginHeartbeat writes again and again, never twice at a time, and past failures", async () => {
  using time = new FakeTime();
  const saved: OriginState[] = [];
  let written = Promise.withResolvers<void>();
  const save = ({ state }: { readonly state: OriginState }) => {
    saved.push(state);
    written = Promise.withResolvers<void>();
    return written.promise;
  };
  const heartbeat = new OriginHeartbeat({ save }, { origin: ORIGIN, connections: () => 1, intervalMs: 1_000 });
  void heartbeat.start();
  for (let count = 1; count <= 5; count++) {
    time.pass(1_000);
    assert.equal(saved.length, count);
    if (count % 2 === 0) written.reject(new Error("away"));
    else written.resolve();
    await settle();
    time.pass(1_000);
  }
  const stopped = heartbeat.stop();
  written.resolve();
  await settle();
  written.resolve();
  await stopped;
  assert.deepEqual([saved.length, saved.at(-1), time.timers], [7, "stopped", 0]);
});
