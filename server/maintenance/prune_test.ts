import assert from "node:assert/strict";
import { RequestLogRepository } from "../persistence/mod.ts";
import { memoryDatabase } from "../persistence/testing.ts";
import { REQUEST_OUTCOMES } from "../relay/observer.ts";
import { RequestLogWriter } from "../statistics/mod.ts";
import { relayedRequest } from "../statistics/testing.ts";
import { prune } from "./prune.ts";

Deno.test("prune() removes chunk by chunk, and lets timers run in between", async () => {
  let left = 1_000;
  let ticks = 0;
  const ticksAtChunks: number[] = [];
  const timer = setInterval(() => ticks++, 1);
  const removed = await prune((limit) => {
    ticksAtChunks.push(ticks);
    const some = Math.min(limit, left);
    left -= some;
    return Promise.resolve(some);
  }, { signal: new AbortController().signal });
  clearInterval(timer);
  assert.deepEqual([removed, left], [1_000, 0]);
  assert.ok(ticksAtChunks.length >= 5);
  assert.ok(ticksAtChunks.every((at, index) => index === 0 || at > ticksAtChunks[index - 1]!), `${ticksAtChunks}`);
});

Deno.test("prune() stops when it is told to", async () => {
  const stop = new AbortController();
  let chunks = 0;
  const removed = await prune((limit) => {
    if (++chunks === 3) stop.abort();
    return Promise.resolve(limit);
  }, stop);
  assert.equal(chunks, 3);
  assert.equal(removed, 600);
});

Deno.test("prune() removes what is old from a request log, and nothing else", async () => {
  await using db = await memoryDatabase();
  const repository = new RequestLogRepository(db);
  const writer = new RequestLogWriter(repository, { outcomes: REQUEST_OUTCOMES });
  for (let startedAtMs = 0; startedAtMs < 1_000; startedAtMs++) writer.requestEnded(relayedRequest({ startedAtMs }));
  await writer.close({ timeoutMs: 5_000 });
  const { signal } = new AbortController();
  assert.equal(await prune((limit) => repository.prune(900, limit), { signal }), 900);
  const { results, totalCount } = await repository.find({ take: 1_000 });
  assert.equal(totalCount, 100);
  assert.ok(results.every(({ startedAt }) => startedAt >= 900));
});
