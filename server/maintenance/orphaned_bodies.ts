/**
 * Removes bodies that a crash has left in the body store: no stored request names them.
 *
 * @module
 */

import type { BodyStore } from "../body_store/mod.ts";

/**
 * A body is stored before the request that names it. So long it may take at most from its beginning, which is what some stores go by, to the
 * request; in milliseconds.
 */
const MINIMUM_AGE_MS = 24 * 60 * 60_000;
const BATCH_KEYS = 200;

/** Who names bodies. */
export interface BodyNames {
  /** Which of these keys are still needed. */
  findBodyKeys(keys: readonly string[]): Promise<ReadonlySet<string>>;
}

/** The store, seen by maintenance. */
export class OrphanedBodies {
  readonly #store: Pick<BodyStore, "keys" | "remove">;
  readonly #names: BodyNames;

  constructor(store: Pick<BodyStore, "keys" | "remove">, names: BodyNames) {
    this.#store = store;
    this.#names = names;
  }

  /**
   * Removes what is old enough and named by nobody.
   *
   * @returns How many bodies were removed.
   * @throws {RelayError} `body_store_unavailable`.
   * @throws {PersistenceError} when the database cannot say; then nothing more is removed.
   */
  async removeOrphans(signal: AbortSignal): Promise<number> {
    let removed = 0;
    let batch: string[] = [];
    for await (const key of this.#store.keys({ minimumAgeMs: MINIMUM_AGE_MS })) {
      if (signal.aborted) return removed;
      batch.push(key);
      if (batch.length < BATCH_KEYS) continue;
      removed += await this.#removeUnnamed(batch, signal);
      batch = [];
    }
    return removed + await this.#removeUnnamed(batch, signal);
  }

  async #removeUnnamed(keys: readonly string[], signal: AbortSignal): Promise<number> {
    if (keys.length === 0) return 0;
    const named = await this.#names.findBodyKeys(keys);
    let removed = 0;
    for (const key of keys) {
      if (signal.aborted) break;
      if (named.has(key)) continue;
      await this.#store.remove(key);
      removed++;
    }
    return removed;
  }
}
