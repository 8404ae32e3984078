/**
 * How it stands with a stored request.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { StoredRequestDocument } from "../../queue_service.ts";
import { Pill } from "./blocks.tsx";

const REASON_WORDS = {
  redelivery_limit: "Too many attempts",
  expired: "Expired",
  refused: "Undeliverable",
} as const;

/** In a word or two. */
export const DeliveryPill: FC<{ request: StoredRequestDocument; nowMs: number }> = ({ request, nowMs }) => {
  const { state, reason, nextAttempt } = request;
  if (state === "dead") return <Pill kind="bad">{reason === null ? "Given up" : REASON_WORDS[reason]}</Pill>;
  if (state === "delivering") return <Pill kind="good">Being delivered</Pill>;
  const isPausing = nextAttempt !== null && request.attempts > 0 && Date.parse(nextAttempt) > nowMs;
  return isPausing ? <Pill kind="warn">Waits to be tried again</Pill> : <Pill kind="idle">Waiting</Pill>;
};
