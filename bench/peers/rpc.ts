/**
 * A bare call over the broker with the client that the relay uses: publisher, queue, consumer, and back by an exclusive queue.
 *
 * @module
 */

import { join } from "node:path";
import { Program } from "../processes.ts";

const PROJECT_ROOT = join(import.meta.dirname ?? "", "../..");
const PERMISSIONS = ["--no-prompt", "--allow-net=127.0.0.1", "--allow-env", "--allow-read"];
/** About what a request and an answer of 1 KiB are with their heads. */
const MESSAGE_BYTES = 1536;
const WARM_UP_SECONDS = 1;

/** Calls of which nothing is stored. */
export const RPC = "bare RPC";
/** Calls whose request is persistent and confirmed by the broker. */
export const CONFIRMED_RPC = "bare confirmed RPC";

/** What was found of calls. */
export interface RpcResult {
  readonly requestsPerSecond: number;
  readonly p50Us: number;
}

/** A program that answers. Hold it with `await using`. */
export interface Rpc extends AsyncDisposable {
  /** Calls from a fresh program, which warms up first. */
  measure(options: { readonly clients: number; readonly seconds: number }): Promise<RpcResult>;
}

/**
 * Starts the program that answers.
 *
 * @param options Where; and what kind of durable queue the calls go by when they are confirmed, else they are not.
 */
export async function startRpc(
  folder: string,
  options: { readonly brokerUrl: string; readonly confirmedQueueType?: "classic" | "quorum" },
): Promise<Rpc> {
  const { brokerUrl: url, confirmedQueueType } = options;
  const isConfirmed = confirmedQueueType !== undefined;
  const queue = `bench-${crypto.randomUUID()}`;
  const start = (script: string, values: Readonly<Record<string, unknown>>) => {
    const file = join(import.meta.dirname ?? "", "../load", script);
    const command = [Deno.execPath(), "run", ...PERMISSIONS, file, JSON.stringify({ url, queue, ...values })];
    return Program.start(command, { folder, cwd: PROJECT_ROOT });
  };
  await using resources = new AsyncDisposableStack();
  const answerer = start("rpc_answerer.ts", {
    isDurable: isConfirmed,
    queueType: confirmedQueueType ?? "classic",
    replyBytes: MESSAGE_BYTES,
  });
  resources.use(answerer);
  await answerer.waitFor(/ready\n/);
  const kept = resources.move();
  return {
    async measure({ clients: inFlight, seconds }) {
      const load = { isConfirmed, requestBytes: MESSAGE_BYTES, inFlight, warmUpSeconds: WARM_UP_SECONDS, seconds };
      await using caller = start("rpc_caller.ts", load);
      const [, json = ""] = await caller.waitFor(/^RESULT (.*)\n/m);
      const { requests, durationMs, p50Ms } = JSON.parse(json) as Record<string, number>;
      return { requestsPerSecond: requests! / durationMs! * 1000, p50Us: p50Ms! * 1000 };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
