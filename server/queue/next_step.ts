/**
 * What follows a delivery that failed.
 *
 * @module
 */

import type { RelayError, RelayErrorCode } from "../../shared/errors/relay_error.ts";
import type { DeadLetterReason } from "../persistence/mod.ts";

const MINIMUM_BACKOFF_MS = 1_000;
const MAXIMUM_BACKOFF_MS = 60_000;

/** What another attempt would not change. */
const PERMANENT: ReadonlySet<RelayErrorCode> = new Set([
  "target_unknown",
  "invalid_request",
  "headers_too_large",
  "body_too_large",
]);

/** How one delivery failed. */
export interface Failure {
  readonly error: RelayError;
  /** Whether somebody may have got the request. */
  readonly wasDelivered: boolean;
}

/** How it is with a request whose delivery failed. */
export interface FailedState {
  /** Deliveries so far, the one that failed included. */
  readonly attempts: number;
  /** Deliveries at most after the first one. */
  readonly redeliveryLimit: number;
  readonly isClientWaiting: boolean;
  /** Whether the server stops. */
  readonly isStopping: boolean;
}

/** What follows. */
export type NextStep =
  /** It is delivered again at once. */
  | { readonly kind: "again" }
  /** The client is told, and it is the client's affair from then on. */
  | { readonly kind: "tell" }
  /** It is delivered again after `delayMs` milliseconds, `attempts` deliveries behind it. */
  | { readonly kind: "wait"; readonly attempts: number; readonly delayMs: number }
  /** It becomes a dead letter. */
  | { readonly kind: "giveUp"; readonly reason: DeadLetterReason };

/** Decides what follows a failed delivery of a request that is not settled. */
export function nextStep({ error, wasDelivered }: Failure, state: FailedState): NextStep {
  const { attempts, redeliveryLimit, isClientWaiting } = state;
  if (PERMANENT.has(error.code)) return isClientWaiting ? { kind: "tell" } : { kind: "giveUp", reason: "refused" };
  if (!wasDelivered) return afterNothing(error, state);
  if (attempts > redeliveryLimit) return { kind: "giveUp", reason: "redelivery_limit" };
  return { kind: "wait", attempts, delayMs: backoffMs(attempts) };
}

/** Nobody has got it this time. If nobody ever has, a waiting client is told. */
function afterNothing({ code }: RelayError, { attempts, isClientWaiting, isStopping }: FailedState): NextStep {
  // How long it waits for room is the affair of a client that waits.
  if (code === "request_expired" && isClientWaiting && !isStopping) return { kind: "again" };
  const delivered = attempts - 1;
  if (delivered === 0 && isClientWaiting) return { kind: "tell" };
  return { kind: "wait", attempts: delivered, delayMs: MINIMUM_BACKOFF_MS };
}

/**
 * The pause before a request is delivered again, in milliseconds. A quarter more or less by chance: what was lost together with a request that
 * ends every connection must not come back together with it each time.
 *
 * @param attempts Deliveries so far.
 * @param random From 0 to 1.
 */
export function backoffMs(attempts: number, random: () => number = Math.random): number {
  const delayMs = Math.min(MINIMUM_BACKOFF_MS * 2 ** Math.max(0, attempts - 1), MAXIMUM_BACKOFF_MS);
  return delayMs * (0.75 + random() / 2);
}
