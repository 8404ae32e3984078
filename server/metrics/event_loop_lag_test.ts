import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { EventLoopLag } from "./event_loop_lag.ts";
import { valueOf } from "./testing.ts";

Deno.test("EventLoopLag observes by how many seconds timers are late, ten times a second, until it is disposed", async () => {
  using time = new FakeTime();
  const registry = new Registry();
  const lag = new EventLoopLag(registry);
  time.pass(100);
  time.standStill(300);
  lag[Symbol.dispose]();
  assert.equal(time.timers, 0);
  const text = await registry.metrics();
  const bucket = (le: string) => valueOf(text, "relay_event_loop_lag_seconds_bucket", { le });
  assert.deepEqual(["0.001", "0.1", "0.25", "+Inf"].map(bucket), [1, 1, 2, 2]);
  assert.equal(valueOf(text, "relay_event_loop_lag_seconds_sum"), 0.2);
});
