import assert from "node:assert/strict";
import { RelayError, type RelayErrorCode } from "../../shared/errors/relay_error.ts";
import { backoffMs, type FailedState, nextStep } from "./next_step.ts";

const STATE: FailedState = { attempts: 1, redeliveryLimit: 2, isClientWaiting: false, isStopping: false };
const CLIENT = { isClientWaiting: true };

const STEPS: readonly [RelayErrorCode, { wasDelivered: boolean } & Partial<FailedState>, ...unknown[]][] = [
  ["target_unknown", { wasDelivered: true }, "giveUp", "refused"],
  ["target_unknown", { wasDelivered: true, ...CLIENT }, "tell"],
  ["connector_lost", { wasDelivered: true, attempts: 2 }, "wait", 2],
  ["connector_lost", { wasDelivered: true, attempts: 3 }, "giveUp", "redelivery_limit"],
  ["connector_lost", { wasDelivered: true, attempts: 3, ...CLIENT }, "giveUp", "redelivery_limit"],
  ["connector_unavailable", { wasDelivered: false }, "wait", 0],
  ["connector_unavailable", { wasDelivered: false, ...CLIENT }, "tell"],
  ["connector_unavailable", { wasDelivered: false, attempts: 2, ...CLIENT }, "wait", 1],
  ["request_expired", { wasDelivered: false, attempts: 2 }, "wait", 1],
  ["request_expired", { wasDelivered: false, ...CLIENT }, "again"],
  ["request_expired", { wasDelivered: false, ...CLIENT, isStopping: true }, "tell"],
];

Deno.test("nextStep() decides by the failure, by who may have got the request, and by whether a client waits", () => {
  const steps = STEPS.map(([code, { wasDelivered, ...state }]) => {
    const step = nextStep({ error: new RelayError(code, "it failed"), wasDelivered }, { ...STATE, ...state });
    const { kind } = step;
    if (kind === "wait") return [code, { wasDelivered, ...state }, kind, step.attempts];
    return [code, { wasDelivered, ...state }, kind, ...(kind === "giveUp" ? [step.reason] : [])];
  });
  assert.deepEqual(steps, STEPS);
});

Deno.test("backoffMs() doubles from a second to a minute, a quarter more or less", () => {
  const pauses = (random: number) => [1, 2, 3, 6, 7, 50].map((attempts) => backoffMs(attempts, () => random));
  assert.deepEqual(pauses(0.5), [1_000, 2_000, 4_000, 32_000, 60_000, 60_000]);
  assert.deepEqual(pauses(0), [750, 1_500, 3_000, 24_000, 45_000, 45_000]);
  assert.deepEqual(pauses(1), [1_250, 2_500, 5_000, 40_000, 75_000, 75_000]);
});
