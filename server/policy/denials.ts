/**
 * Gathers what access policies have denied for the audit: one entry for many, so that a flood of requests is not a flood of entries.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";

const logger = getLogger("policy");

/** One request that was not allowed. */
export interface Denial {
  readonly tenantId: string;
  readonly tenant: string;
  /** For instance `deny: rule "no admin"`. */
  readonly reason: string;
  readonly clientAddress: string;
  readonly requestId: string;
}

/** All requests of a tenant that were denied for one reason within some time. */
export interface DenialSummary {
  readonly tenantId: string;
  readonly tenant: string;
  readonly reason: string;
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly firstAtMs: number;
  /** Milliseconds since 1970. */
  readonly lastAtMs: number;
  /** Addresses of the first clients, each once. */
  readonly clientAddresses: readonly string[];
  /** UUID of the first request. */
  readonly requestId: string;
}

/** Hears of denials. */
export interface DenialObserver {
  /** Must not throw, and must not take long. */
  denied(denial: Denial): void;
}

/** Where summaries are kept. */
export interface DenialSink {
  /** Rejects when they could not be kept. */
  write(summaries: readonly DenialSummary[]): Promise<void>;
}

/** How a {@link DenialLog} gathers. */
export interface DenialLogOptions {
  readonly sink: DenialSink;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** How long to gather, in milliseconds; a minute unless given. */
  readonly intervalMs?: number;
  /** Summaries within this time at most, 100 unless given; what comes beyond them is counted in the log. */
  readonly maxSummaries?: number;
}

/** Client addresses that a summary names. */
const MAX_ADDRESSES = 5;

interface Gathered {
  readonly denial: Denial;
  readonly firstAtMs: number;
  readonly clientAddresses: Set<string>;
  count: number;
  lastAtMs: number;
}

/** Gathers denials, and writes them down once an interval. Disposing it writes what is left. */
export class DenialLog implements DenialObserver, AsyncDisposable {
  readonly #sink: DenialSink;
  readonly #now: () => number;
  readonly #intervalMs: number;
  readonly #maxSummaries: number;
  #gathered = new Map<string, Gathered>();
  #beyond = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor({ sink, now, intervalMs = 60_000, maxSummaries = 100 }: DenialLogOptions) {
    this.#sink = sink;
    this.#now = now;
    this.#intervalMs = intervalMs;
    this.#maxSummaries = maxSummaries;
  }

  denied(denial: Denial): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#intervalMs);
    const key = `${denial.tenantId} ${denial.reason}`;
    const nowMs = this.#now();
    const known = this.#gathered.get(key);
    if (known !== undefined) {
      known.count++;
      known.lastAtMs = nowMs;
      if (known.clientAddresses.size < MAX_ADDRESSES) known.clientAddresses.add(denial.clientAddress);
    } else if (this.#gathered.size < this.#maxSummaries) {
      const clientAddresses = new Set([denial.clientAddress]);
      this.#gathered.set(key, { denial, firstAtMs: nowMs, lastAtMs: nowMs, clientAddresses, count: 1 });
    } else {
      this.#beyond++;
    }
  }

  /** Writes down what was gathered. Never rejects: what cannot be written is in the log. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#beyond > 0) {
      logger.warn("Denied {count} requests for more reasons than the audit takes at a time", { count: this.#beyond });
    }
    const summaries = [...this.#gathered.values()].map(summarize);
    this.#gathered = new Map();
    this.#beyond = 0;
    return this.#writing = this.#writing.then(() => this.#write(summaries));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  async #write(summaries: readonly DenialSummary[]): Promise<void> {
    if (summaries.length === 0) return;
    try {
      await this.#sink.write(summaries);
    } catch (error) {
      logger.error("Cannot write {count} denials to the audit: {error}", { count: summaries.length, summaries, error });
    }
  }
}

function summarize({ denial, count, firstAtMs, lastAtMs, clientAddresses }: Gathered): DenialSummary {
  const { tenantId, tenant, reason, requestId } = denial;
  return { tenantId, tenant, reason, count, firstAtMs, lastAtMs, clientAddresses: [...clientAddresses], requestId };
}
