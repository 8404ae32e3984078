/**
 * A bare call over the broker with the client that the relay uses: publisher, queue, consumer, and back by an exclusive queue.
 *
 * @module
 */

import { type Calls, startCalls } from "./calls.ts";

/** About what a request and an answer of 1 KiB are with their heads. */
const MESSAGE_BYTES = 1536;

/** Calls of which nothing is stored. */
export const RPC = "bare RPC";
/** Calls whose request is persistent and confirmed by the broker. */
export const CONFIRMED_RPC = "bare confirmed RPC";

/**
 * Starts a program that answers and one that calls it.
 *
 * @param options Where; and what kind of durable queue the calls go by when they are confirmed, else they are not.
 */
export function startRpc(
  folder: string,
  options: { readonly brokerUrl: string; readonly confirmedQueueType?: "classic" | "quorum" },
): Promise<Calls> {
  const { brokerUrl: url, confirmedQueueType } = options;
  const isConfirmed = confirmedQueueType !== undefined;
  const queue = `bench-${crypto.randomUUID()}`;
  const queueType = confirmedQueueType ?? "classic";
  return startCalls(folder, {
    answerer: {
      script: "rpc_answerer.ts",
      argument: { url, queue, isDurable: isConfirmed, queueType, replyBytes: MESSAGE_BYTES },
    },
    caller: { script: "rpc_caller.ts", argument: { url, queue, isConfirmed, requestBytes: MESSAGE_BYTES } },
  });
}
