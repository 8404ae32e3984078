import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { LeaseRepository } from "../persistence/mod.ts";
import { memoryDatabase, TestClock } from "../persistence/testing.ts";
import type { MaintenanceJob } from "./jobs.ts";
import { Maintenance, type MaintenanceOptions } from "./maintenance.ts";

const INTERVAL_MS = 60_000;

/** A job that counts, and does what the test says. */
function counting(name: string, run: MaintenanceJob["run"] = () => Promise.resolve(0)) {
  const job = {
    name,
    runs: 0,
    run(signal: AbortSignal) {
      job.runs++;
      return run(signal);
    },
  };
  return job;
}

async function setup() {
  const db = await memoryDatabase();
  const clock = new TestClock();
  const leases = new LeaseRepository(db, clock.now);
  const create = (jobs: MaintenanceJob[], originId: string, options: Partial<MaintenanceOptions> = {}) =>
    new Maintenance(jobs, { leases, originId, intervalMs: INTERVAL_MS, now: clock.now, ...options });
  return { clock, create, [Symbol.asyncDispose]: () => db.destroy() };
}

Deno.test("Maintenance runs all jobs, and says how they went", async () => {
  await using site = await setup();
  const jobs = [
    counting("first", () => Promise.resolve(7)),
    counting("failing", () => Promise.reject(new Error("no"))),
    counting("last"),
  ];
  await using maintenance = site.create(jobs, "a");
  assert.equal(await maintenance.runOnce(), true);
  assert.equal(await maintenance.runOnce(), true);
  const succeededAtMs = site.clock.now();
  assert.deepEqual([...maintenance.reports], [
    { name: "first", succeeded: 2, failed: 0, removed: 14, succeededAtMs },
    { name: "failing", succeeded: 0, failed: 2, removed: 0, succeededAtMs: undefined },
    { name: "last", succeeded: 2, failed: 0, removed: 0, succeededAtMs },
  ]);
});

Deno.test("Maintenance runs at one origin; another takes over when that one has stopped or was lost", async () => {
  await using site = await setup();
  const jobs = ["a", "b", "c"].map((name) => counting(name));
  const [a, b, c] = ["a", "b", "c"].map((name, index) => site.create([jobs[index]!], name));
  assert.deepEqual([await a!.runOnce(), await b!.runOnce()], [true, false]);
  site.clock.advance(INTERVAL_MS);
  assert.deepEqual([await b!.runOnce(), await a!.runOnce()], [false, true]);
  // a is lost: its lease ends.
  site.clock.advance(1.5 * INTERVAL_MS);
  assert.deepEqual([await b!.runOnce(), await a!.runOnce()], [true, false]);
  await b![Symbol.asyncDispose]();
  assert.equal(await c!.runOnce(), true);
  assert.deepEqual(jobs.map(({ runs }) => runs), [2, 1, 1]);
});

Deno.test("Maintenance goes on when the database is away", async () => {
  const job = counting("job");
  const leases = { acquire: () => Promise.reject(new Error("away")), release: () => Promise.reject(new Error("away")) };
  await using maintenance = new Maintenance([job], { leases, originId: "a", intervalMs: 1, now: Date.now });
  assert.equal(await maintenance.runOnce(), false);
  assert.equal(job.runs, 0);
});

Deno.test("Maintenance runs again and again", async () => {
  await using site = await setup();
  const third = Promise.withResolvers<void>();
  const job = counting("job", () => {
    if (job.runs === 3) third.resolve();
    return Promise.resolve(0);
  });
  await using maintenance = site.create([job], "a", { intervalMs: 2 });
  maintenance.start();
  maintenance.start();
  await third.promise;
});

Deno.test("Maintenance does not begin at once, and ends without waiting", async () => {
  await using site = await setup();
  const job = counting("job");
  const maintenance = site.create([job], "a", { random: () => 0.5 });
  maintenance.start();
  await maintenance[Symbol.asyncDispose]();
  assert.equal(job.runs, 0);
});

Deno.test("Maintenance ends a job under way when it is disposed", async () => {
  await using site = await setup();
  const started = Promise.withResolvers<void>();
  const job = counting("long", (signal) => {
    started.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(1)));
  });
  const never = counting("never");
  const maintenance = site.create([job, never], "a", { random: () => 0 });
  maintenance.start();
  await started.promise;
  await maintenance[Symbol.asyncDispose]();
  assert.equal(never.runs, 0);
});

Deno.test("Maintenance waits no longer than five seconds for a job that does not end", async () => {
  using time = new FakeTime();
  const started = Promise.withResolvers<void>();
  const job = counting("stuck", () => {
    started.resolve();
    return new Promise(() => {});
  });
  const leases = { acquire: () => Promise.resolve(true), release: () => Promise.resolve() };
  const options = { leases, originId: "a", intervalMs: INTERVAL_MS, now: Date.now, random: () => 0 };
  const maintenance = new Maintenance([job], options);
  maintenance.start();
  time.pass(0);
  await started.promise;
  const disposed = maintenance[Symbol.asyncDispose]();
  time.pass(5_000);
  await disposed;
  assert.equal(time.timers, 0);
});

Deno.test("Maintenance ends a job when another origin has taken the lease", async () => {
  let isLost = false;
  const leases = { acquire: () => Promise.resolve(!isLost), release: () => Promise.resolve() };
  const job = counting("long", (signal) => {
    isLost = true;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(0)));
  });
  await using maintenance = new Maintenance([job], { leases, originId: "a", intervalMs: 10, now: Date.now });
  assert.equal(await maintenance.runOnce(), true);
});
