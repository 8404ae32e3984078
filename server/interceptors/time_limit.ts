/**
 * Waits for an interceptor, but not for ever.
 *
 * @module
 */

/** How long to wait. */
export interface TimeLimit {
  readonly timeoutMs: number;
  /** Ends the waiting at once. */
  readonly signal: AbortSignal;
  /** Called before the waiting ends because of the time. */
  readonly expired: () => void;
}

/** An interceptor took too long. */
export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/**
 * Waits for a promise.
 *
 * @throws {TimeLimitError} When the time is over; the signal's reason when that aborts.
 */
export async function withinTime<T>(promise: PromiseLike<T>, { timeoutMs, signal, expired }: TimeLimit): Promise<T> {
  signal.throwIfAborted();
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new TimeLimitError(`Cannot wait for interceptor: it takes longer than ${timeoutMs} ms`));
    expired();
  }, timeoutMs);
  const aborted = () => reject(signal.reason);
  signal.addEventListener("abort", aborted);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", aborted);
  }
}
