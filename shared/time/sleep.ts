/**
 * Waiting that can be cut short.
 *
 * @module
 */

/**
 * Waits.
 *
 * @param durationMs Milliseconds.
 * @param options A signal that ends the wait early. It is no failure: who cares looks at the signal.
 */
export async function sleep(durationMs: number, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, durationMs);
  signal?.addEventListener("abort", end, { once: true });
  await promise;
  clearTimeout(timer);
  signal?.removeEventListener("abort", end);
}
