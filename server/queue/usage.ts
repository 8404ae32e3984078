/**
 * How much each tenant has stored, kept near the truth without asking the database for every request.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";

/** After so long the database is asked again, in milliseconds: other origins store requests too. */
const FRESH_MS = 5_000;
/** Before a request is refused the database is asked, but not more often than so, in milliseconds. */
const RECHECK_MS = 500;

/** How much there is, or may be. */
export interface Amount {
  readonly requests: number;
  readonly bytes: number;
}

/** What {@link Usage} works with. */
export interface UsageOptions {
  readonly read: (tenantId: string) => Promise<Amount>;
  /** For each tenant. */
  readonly limit: Amount;
}

interface Entry {
  requests: number;
  bytes: number;
  /** Promised, but not in the database yet. */
  promisedRequests: number;
  promisedBytes: number;
  /** Settled, but in the database still. */
  leavingRequests: number;
  leavingBytes: number;
  /** Taken while the database is asked, whose answer may be older. */
  takenRequests: number;
  takenBytes: number;
  readAtMs: number;
  reading: Promise<void> | undefined;
}

/** A promised place. Exactly one of the two, once. */
export interface Place {
  /** It is in the database. */
  taken(): void;
  /** It is not going to be. */
  givenUp(): void;
}

/** Knows how much each tenant has stored. */
export class Usage {
  readonly #options: UsageOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: UsageOptions) {
    this.#options = options;
  }

  /**
   * Promises a place to one request.
   *
   * @throws {RelayError} `queue_full`.
   */
  async reserve(tenantId: string, bytes: number): Promise<Place> {
    const entry = this.#entryOf(tenantId);
    if (performance.now() - entry.readAtMs > FRESH_MS) await this.#read(tenantId, entry);
    if (!this.#fits(entry, bytes) && performance.now() - entry.readAtMs > RECHECK_MS) await this.#read(tenantId, entry);
    if (!this.#fits(entry, bytes)) {
      throw new RelayError("queue_full", "The tenant has as many requests stored as it may", { retryAfterSeconds: 5 });
    }
    entry.promisedRequests++;
    entry.promisedBytes += bytes;
    const withdraw = () => {
      entry.promisedRequests--;
      entry.promisedBytes -= bytes;
    };
    return {
      taken: () => {
        withdraw();
        entry.requests++;
        entry.bytes += bytes;
        entry.takenRequests++;
        entry.takenBytes += bytes;
      },
      givenUp: withdraw,
    };
  }

  /**
   * A request is settled, and counts no more.
   *
   * @returns To be called when it has left the database too, or is left to it.
   */
  settled(tenantId: string, bytes: number): () => void {
    const entry = this.#entryOf(tenantId);
    entry.requests = Math.max(0, entry.requests - 1);
    entry.bytes = Math.max(0, entry.bytes - bytes);
    entry.leavingRequests++;
    entry.leavingBytes += bytes;
    return () => {
      entry.leavingRequests--;
      entry.leavingBytes -= bytes;
    };
  }

  /** Forgets tenants that have stored nothing for a while. */
  sweep(): void {
    const oldestMs = performance.now() - FRESH_MS;
    for (const [tenantId, { readAtMs, promisedRequests, leavingRequests, reading }] of this.#entries) {
      const isUsed = promisedRequests > 0 || leavingRequests > 0 || reading !== undefined;
      if (readAtMs < oldestMs && !isUsed) this.#entries.delete(tenantId);
    }
  }

  #fits({ requests, bytes, promisedRequests, promisedBytes }: Entry, more: number): boolean {
    const { limit } = this.#options;
    return requests + promisedRequests < limit.requests && bytes + promisedBytes + more <= limit.bytes;
  }

  #entryOf(tenantId: string): Entry {
    let entry = this.#entries.get(tenantId);
    if (entry === undefined) {
      entry = {
        requests: 0,
        bytes: 0,
        promisedRequests: 0,
        promisedBytes: 0,
        leavingRequests: 0,
        leavingBytes: 0,
        takenRequests: 0,
        takenBytes: 0,
        readAtMs: -Infinity,
        reading: undefined,
      };
      this.#entries.set(tenantId, entry);
    }
    return entry;
  }

  #read(tenantId: string, entry: Entry): Promise<void> {
    return entry.reading ??= (async () => {
      entry.takenRequests = entry.takenBytes = 0;
      try {
        const { requests, bytes } = await this.#options.read(tenantId);
        entry.requests = Math.max(0, requests + entry.takenRequests - entry.leavingRequests);
        entry.bytes = Math.max(0, bytes + entry.takenBytes - entry.leavingBytes);
        entry.readAtMs = performance.now();
      } finally {
        entry.reading = undefined;
      }
    })();
  }
}
