/**
 * A limit for everything a test waits for, so that a fault shows as a message and not as a test run that hangs.
 *
 * @module
 */

/**
 * Waits for a promise, but not for ever.
 *
 * @param promise What to wait for.
 * @param options How long, and the words of the error: "Waited 5000 ms for `what`".
 * @returns What the promise resolves to.
 * @throws {Error} When the time is up; `detail` is asked then for what is known about the reason.
 */
export async function within<T>(
  promise: Promise<T>,
  options: { readonly timeoutMs: number; readonly what: string; readonly detail?: () => string },
): Promise<T> {
  const { timeoutMs, what, detail } = options;
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    expired.reject(new Error(`Waited ${timeoutMs} ms for ${what}${detail === undefined ? "" : `\n${detail()}`}`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}
