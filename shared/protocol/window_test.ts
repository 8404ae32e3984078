import assert from "node:assert/strict";
import {
  FIRST_WINDOW_BYTES,
  MAX_WINDOW_BYTES,
  ReceiveWindow,
  START_WINDOW_BYTES,
  WINDOW_BUDGET_BYTES,
  WindowBudget,
} from "./window.ts";

class Clock {
  nowMs = 0;
  roundTripMs: number | undefined = 100;
  now(): number {
    return this.nowMs;
  }
}

/** Sends and passes on half a window, which takes `durationMs`. Returns the credit it earned. */
function useHalf(window: ReceiveWindow, clock: Clock, durationMs: number): number {
  clock.nowMs += durationMs;
  const bytes = window.sizeBytes / 2;
  assert.ok(window.accept(bytes));
  return window.pass(bytes);
}

Deno.test("ReceiveWindow starts with 256 KiB and counts what arrives", () => {
  const window = new ReceiveWindow(new WindowBudget(), new Clock());
  assert.equal(window.sizeBytes, START_WINDOW_BYTES);
  assert.equal(window.accept(START_WINDOW_BYTES), true);
  assert.equal(window.accept(0), true);
  assert.equal(window.accept(1), false);
});

Deno.test("pass() gives credit back when half of the window was passed on, and not before", () => {
  const clock = new Clock();
  const window = new ReceiveWindow(new WindowBudget(), clock);
  clock.nowMs = 1000;
  window.accept(START_WINDOW_BYTES);
  assert.equal(window.pass(START_WINDOW_BYTES / 2 - 1), 0);
  assert.equal(window.pass(1), START_WINDOW_BYTES / 2);
  assert.equal(window.accept(START_WINDOW_BYTES / 2), true);
  assert.equal(window.accept(1), false);
});

Deno.test("pass() doubles a window that is used up fast, up to 8 MiB", () => {
  const clock = new Clock();
  const window = new ReceiveWindow(new WindowBudget(), clock);
  const sizes: number[] = [];
  while (window.sizeBytes < MAX_WINDOW_BYTES) {
    const size = window.sizeBytes;
    assert.equal(useHalf(window, clock, 149), size / 2 + size);
    sizes.push(window.sizeBytes / 1024);
  }
  assert.deepEqual(sizes, [512, 1024, 2048, 4096, 8192]);
  assert.equal(useHalf(window, clock, 1), MAX_WINDOW_BYTES / 2);
  assert.equal(window.sizeBytes, MAX_WINDOW_BYTES);
});

Deno.test("pass() lets a window be when the reader is slow, or the round trip unknown or zero", () => {
  const clock = new Clock();
  const window = new ReceiveWindow(new WindowBudget(), clock);
  assert.equal(useHalf(window, clock, 150), START_WINDOW_BYTES / 2);
  clock.roundTripMs = undefined;
  assert.equal(useHalf(window, clock, 0), START_WINDOW_BYTES / 2);
  clock.roundTripMs = 0;
  assert.equal(useHalf(window, clock, 0), START_WINDOW_BYTES / 2);
  assert.equal(window.sizeBytes, START_WINDOW_BYTES);
});

Deno.test("pass() measures each growth from the one before", () => {
  const clock = new Clock();
  const window = new ReceiveWindow(new WindowBudget(), clock);
  useHalf(window, clock, 1000);
  assert.equal(window.sizeBytes, START_WINDOW_BYTES);
  useHalf(window, clock, 1);
  assert.equal(window.sizeBytes, START_WINDOW_BYTES * 2);
});

Deno.test("windows together take no more than the budget, besides the first 64 KiB each", () => {
  const budget = new WindowBudget();
  const clock = new Clock();
  const windows = Array.from({ length: 1000 }, () => new ReceiveWindow(budget, clock));
  const taken = () => windows.reduce((sum, { sizeBytes }) => sum + sizeBytes - FIRST_WINDOW_BYTES, 0);
  assert.equal(taken(), WINDOW_BUDGET_BYTES);
  assert.equal(budget.freeBytes, 0);
  assert.equal(windows.at(-1)?.sizeBytes, FIRST_WINDOW_BYTES);
  for (const window of windows) useHalf(window, clock, 0);
  assert.equal(taken(), WINDOW_BUDGET_BYTES);
  windows.shift()?.release();
  for (const window of windows) useHalf(window, clock, 0);
  assert.equal(taken(), WINDOW_BUDGET_BYTES, "what one window gave back, others take");
  for (const window of windows) window.release();
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
});

Deno.test("pass() takes what is left of the budget when that is less than double", () => {
  const budget = new WindowBudget(START_WINDOW_BYTES - FIRST_WINDOW_BYTES + 1000);
  const clock = new Clock();
  const window = new ReceiveWindow(budget, clock);
  assert.equal(useHalf(window, clock, 0), START_WINDOW_BYTES / 2 + 1000);
  assert.equal(window.sizeBytes, START_WINDOW_BYTES + 1000);
  assert.equal(budget.freeBytes, 0);
});

Deno.test("release() gives everything back once, growth included, and ends growth and credit", () => {
  const budget = new WindowBudget();
  const clock = new Clock();
  const window = new ReceiveWindow(budget, clock);
  useHalf(window, clock, 0);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES - 2 * START_WINDOW_BYTES + FIRST_WINDOW_BYTES);
  window.release();
  window.release();
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
  assert.equal(useHalf(window, clock, 0), 0);
  assert.equal(budget.freeBytes, WINDOW_BUDGET_BYTES);
});
