/**
 * Opens the body of a stored request that waits in the body store.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { BodyStore, StoredBody } from "../body_store/mod.ts";

/**
 * Stores promise no time limit.
 *
 * @returns `undefined` when the store has no such body.
 * @throws {RelayError} `body_store_unavailable`, also when the store has not answered in time.
 */
export async function openBody(
  bodies: Pick<BodyStore, "open">,
  key: string,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<StoredBody | undefined> {
  const tooSlow = Promise.withResolvers<never>();
  const abort = new AbortController();
  const timer = setTimeout(() => {
    const error = new RelayError("body_store_unavailable", "The body store does not answer");
    tooSlow.reject(error);
    abort.abort(error);
  }, timeoutMs);
  const opening = bodies.open(key, { signal: abort.signal });
  try {
    return await Promise.race([opening, tooSlow.promise]);
  } catch (error) {
    // Nobody reads what comes after all.
    opening.then((stored) => stored?.stream.cancel()).catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
