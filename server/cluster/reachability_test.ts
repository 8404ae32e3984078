import assert from "node:assert/strict";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { Reachability } from "./reachability.ts";

/** What is told, over a clock that the test moves. */
function setUp() {
  const time = new FakeTime();
  const told: string[] = [];
  const reachability = new Reachability(() => told.push("settled"));
  reachability.onChange(() => told.push(`${reachability.isReachable} ${reachability.isSettled}`));
  return { time, told, reachability, [Symbol.dispose]: () => time[Symbol.dispose]() };
}

Deno.test("Reachability tells when mail goes both ways, and a second later that the others have been heard of", () => {
  using test = setUp();
  test.reachability.ready();
  test.time.pass(999);
  assert.deepEqual(test.told, ["true false"]);
  test.time.pass(1);
  assert.deepEqual(test.told, ["true false", "settled", "true true"]);
  test.reachability.held();
  test.reachability.held();
  test.reachability.ready();
  test.time.pass(1000);
  assert.deepEqual(test.told.slice(3), ["false true", "true true", "true true"]);
});

Deno.test("Reachability is not settled by a second in which nothing left, nor after its disposal", () => {
  using test = setUp();
  test.reachability.ready();
  test.reachability.held();
  test.time.pass(5000);
  assert.equal(test.reachability.isSettled, false);
  test.reachability.ready();
  test.reachability[Symbol.dispose]();
  test.reachability.ready();
  assert.equal(test.time.timers, 0);
});
