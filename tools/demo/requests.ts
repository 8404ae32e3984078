/**
 * The demo's own requests: waiting for programs to answer, and showing an answer.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";

/** An answer that was read completely. */
export interface Answer {
  readonly response: Response;
  readonly text: string;
}

const POLL_INTERVAL_MS = 100;

/**
 * Repeats a GET until its answer is the wanted one.
 *
 * @param url Where to.
 * @param options `isAwaited` tells whether an answer is the wanted one; `timeoutMs` limits the whole wait.
 * @returns That answer.
 * @throws {Error} When the time is up, with the last answer or error as its cause; the signal's reason when it is aborted.
 */
export async function waitForAnswer(
  url: string,
  options: {
    readonly isAwaited: (answer: Answer) => boolean;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Answer> {
  const { isAwaited, timeoutMs, signal } = options;
  const timeout = AbortSignal.timeout(timeoutMs);
  let last: unknown;
  while (!timeout.aborted) {
    try {
      const response = await fetch(url, { signal: AbortSignal.any([signal, timeout]) });
      const answer = { response, text: await response.text() };
      if (isAwaited(answer)) return answer;
      last = new Error(`It answered ${response.status}: ${answer.text}`);
    } catch (error) {
      if (!timeout.aborted) last = error;
    }
    signal.throwIfAborted();
    await delay(POLL_INTERVAL_MS);
  }
  throw new Error(`Waited ${timeoutMs / 1000} s for ${url}`, { cause: last });
}

/** An answer as `curl -i` shows it. */
export function showAnswer({ response, text }: Answer): string {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${response.status} ${response.statusText}`.trimEnd(), ...headers, "", text.trimEnd()].join("\n");
}
