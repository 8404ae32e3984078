import assert from "node:assert/strict";
import { explainError } from "../../shared/log/describe_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { FakeTime } from "../../shared/protocol/testing.ts";
import { HealthCheck, type HealthCheckOptions, type HealthStatus } from "./health_check.ts";
import type { TargetContext } from "./target.ts";

const OPTIONS: HealthCheckOptions = {
  path: "/health?deep",
  interval: 10_000,
  timeout: 1_000,
  expectedStatus: ["200-299", "401"],
  healthyAfter: 2,
  unhealthyAfter: 3,
};

/** A check over a clock that the test moves; `answers` are statuses, errors, or nothing at all. */
function check(answers: (number | Error | undefined)[], options: Partial<HealthCheckOptions> = {}) {
  const time = new FakeTime();
  const realRandom = Math.random;
  Math.random = () => 0;
  const changes: HealthStatus[] = [];
  const requests: RelayRequest[] = [];
  const target = {
    handle(request: RelayRequest, { signal }: TargetContext): Promise<RelayResponse> {
      requests.push(request);
      const answer = answers.shift();
      if (typeof answer === "number") return Promise.resolve({ status: answer, headers: [], body: null });
      if (answer !== undefined) return Promise.reject(answer);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  };
  const health = new HealthCheck(target, {
    ...OPTIONS,
    ...options,
    name: "erp",
    onChange: (status) => changes.push(status),
    explain: (error) => Promise.resolve(explainError(error)),
  });
  return {
    changes,
    requests,
    health,
    async pass(durationMs: number): Promise<void> {
      time.pass(durationMs);
      for (let count = 0; count < 20; count++) await Promise.resolve();
    },
    [Symbol.dispose]() {
      health[Symbol.dispose]();
      assert.equal(time.timers, 0);
      Math.random = realRandom;
      time[Symbol.dispose]();
    },
  };
}

Deno.test("HealthCheck asks at once and then in its interval, with GET below the target's base", async () => {
  using test = check([200, 204, 401]);
  assert.equal(test.health.status.health, "unknown");
  await test.pass(0);
  assert.deepEqual(test.changes.map(({ health }) => health), ["healthy"]);
  await test.pass(9_999);
  assert.equal(test.requests.length, 1);
  await test.pass(1);
  await test.pass(10_000);
  assert.deepEqual(test.requests.map(({ method, path, target }) => `${method} ${target} ${path}`), [
    "GET erp /health?deep",
    "GET erp /health?deep",
    "GET erp /health?deep",
  ]);
  assert.equal(test.changes.length, 1);
});

Deno.test("HealthCheck takes several failures for unhealthy, and several successes for healthy again", async () => {
  using test = check([200, 500, 500, 200, 500, 404, 301, 200, 500, 200, 200]);
  await test.pass(0);
  const seen: string[] = [];
  for (let count = 0; count < 10; count++) {
    await test.pass(10_000);
    seen.push(`${test.health.status.health} ${test.health.status.failure ?? ""}`);
  }
  assert.deepEqual(seen, [
    "healthy it answered 500",
    "healthy it answered 500",
    "healthy ",
    "healthy it answered 500",
    "healthy it answered 404",
    "unhealthy it answered 301",
    "unhealthy ",
    "unhealthy it answered 500",
    "unhealthy ",
    "healthy ",
  ]);
  assert.deepEqual(test.changes.map(({ health }) => health), ["healthy", "unhealthy", "healthy"]);
});

Deno.test("HealthCheck says why a target is unhealthy that refuses or hangs, and goes on", async () => {
  const refused = new RelayError("target_unreachable", "Cannot reach target: ECONNREFUSED");
  using test = check([refused, undefined, 200], { unhealthyAfter: 1, healthyAfter: 1 });
  await test.pass(0);
  assert.match(test.health.status.failure ?? "", /ECONNREFUSED/);
  await test.pass(10_000);
  await test.pass(1_000);
  assert.match(test.health.status.failure ?? "", /did not answer in time/);
  await test.pass(10_000);
  assert.deepEqual(test.changes.map(({ health }) => health), ["unhealthy", "healthy"]);
});

Deno.test("HealthCheck ends with its disposal, also amid a check", async () => {
  using test = check([undefined, 200]);
  await test.pass(0);
  test.health[Symbol.dispose]();
  await test.pass(100_000);
  assert.equal(test.requests.length, 1);
  assert.deepEqual(test.changes, []);
});
