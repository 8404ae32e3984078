import assert from "node:assert/strict";
import { type Origin, OriginRepository } from "../persistence/mod.ts";
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
  let atATime = 0;
  const saved: Omit<Origin, "lastSeenAt">[] = [];
  const fifth = Promise.withResolvers<void>();
  const save = async (origin: Omit<Origin, "lastSeenAt">) => {
    assert.equal(++atATime, 1);
    saved.push(origin);
    if (saved.length === 5) fifth.resolve();
    // Longer than the interval.
    await new Promise((resolve) => setTimeout(resolve, 3));
    atATime--;
    if (saved.length % 2 === 0) throw new Error("away");
  };
  const heartbeat = new OriginHeartbeat({ save }, { origin: ORIGIN, connections: () => 1, intervalMs: 1 });
  await heartbeat.start();
  await fifth.promise;
  await heartbeat.stop();
  assert.equal(saved.at(-1)?.state, "stopped");
});
