/**
 * Writes relayed requests into the request log, without ever making one wait.
 *
 * @module
 */

import { DropLog } from "../../shared/log/drop_log.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { LoggedRequest } from "../persistence/mod.ts";
import type { RelayedRequest, RelayObserver, RequestOutcome } from "../relay/observer.ts";
import { WRITE_PATIENCE_MS, writePatiently } from "./patient_write.ts";

const logger = getLogger("statistics");

/** One transaction of the repository: smaller ones write the same pages more often, larger ones keep requests waiting longer than 2 ms on SQLite. */
const BATCH_ROWS = 512;
/** About 30 MB, and a minute without a database at 1,000 requests a second. */
const MAX_BUFFERED_ROWS = 64 * 1024;
/** How long a row may wait for others, in milliseconds. */
const GATHER_MS = 1_000;

/** Where the rows go. */
export interface RequestLogStore {
  /** Adds rows, all or none; takes rows that are there already. Rejects when they were not, or may not have been, written. */
  insertMany(rows: readonly LoggedRequest[]): Promise<void>;
}

/** What a {@link RequestLogWriter} is told. */
export interface RequestLogWriterOptions {
  /** Which requests are logged. */
  readonly outcomes: readonly RequestOutcome[];
  /** Rows kept while the store does not take them; what comes beyond is dropped. */
  readonly maxBufferedRows?: number;
  /** How long a row may wait for others, in milliseconds. */
  readonly gatherMs?: number;
  /** How long rows are tried again while the database is away, in milliseconds. */
  readonly patienceMs?: number;
}

/** Gathers rows and writes them, 512 at a time, at the latest a second after they came. */
export class RequestLogWriter implements RelayObserver {
  readonly #store: RequestLogStore;
  readonly #outcomes: ReadonlySet<RequestOutcome>;
  readonly #maxBufferedRows: number;
  readonly #gatherMs: number;
  readonly #patienceMs: number;
  readonly #drops = new DropLog((count, reason) =>
    logger.warn("{count} requests are missing from the request log: {reason}", { count, reason })
  );
  /** Complete batches, oldest first. */
  readonly #full: RelayedRequest[][] = [];
  #open: RelayedRequest[] = [];
  #buffered = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  /** Ends the wait for more rows. */
  #gathering: AbortController | undefined;
  readonly #closing = new AbortController();
  readonly #givingUp = new AbortController();

  constructor(store: RequestLogStore, options: RequestLogWriterOptions) {
    this.#store = store;
    this.#outcomes = new Set(options.outcomes);
    this.#maxBufferedRows = options.maxBufferedRows ?? MAX_BUFFERED_ROWS;
    this.#gatherMs = options.gatherMs ?? GATHER_MS;
    this.#patienceMs = options.patienceMs ?? WRITE_PATIENCE_MS;
  }

  /** Rows that wait to be written. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Rows written since the start. */
  get written(): number {
    return this.#written;
  }

  /** Rows given up since the start. */
  get dropped(): number {
    return this.#drops.total;
  }

  requestEnded(request: RelayedRequest): void {
    if (!this.#outcomes.has(request.outcome)) return;
    if (this.#closing.signal.aborted) return this.#drops.add(1, "the server stops");
    if (this.#buffered >= this.#maxBufferedRows) return this.#drops.add(1, "the database is too slow, or away");
    this.#buffered++;
    if (this.#open.push(request) === BATCH_ROWS) {
      this.#full.push(this.#open);
      this.#open = [];
      this.#gathering?.abort();
    }
    this.#writing ??= this.#writeAll();
  }

  /**
   * Takes no more, and writes what is left.
   *
   * @param timeoutMs How long that may take; what is not written by then is dropped.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#closing.abort();
    this.#gathering?.abort();
    const over = new AbortController();
    await Promise.race([this.#writing, sleep(timeoutMs, { signal: over.signal })]);
    over.abort();
    this.#givingUp.abort();
    // A batch whose fate is not known counts as dropped.
    if (this.#buffered > 0) this.#drops.add(this.#buffered, "the server stopped before the database took them");
    this.#buffered = 0;
    this.#drops[Symbol.dispose]();
  }

  async #writeAll(): Promise<void> {
    while (this.#buffered > 0 && !this.#givingUp.signal.aborted) {
      if (this.#full.length === 0) await this.#gather();
      // SQLite writes while it is called: requests get their turn before each batch.
      else await sleep(0);
      await this.#write(this.#full.shift() ?? this.#takeOpen());
    }
    this.#writing = undefined;
  }

  async #gather(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#gathering = new AbortController();
    await sleep(this.#gatherMs, { signal: this.#gathering.signal });
    this.#gathering = undefined;
  }

  #takeOpen(): RelayedRequest[] {
    const rows = this.#open;
    this.#open = [];
    return rows;
  }

  async #write(batch: readonly RelayedRequest[]): Promise<void> {
    const rows = batch.map(toRow);
    const isWritten = await writePatiently(() => this.#store.insertMany(rows), {
      what: "the request log",
      patienceMs: this.#patienceMs,
      signal: this.#givingUp.signal,
    });
    if (this.#givingUp.signal.aborted) return;
    this.#buffered -= rows.length;
    if (isWritten) this.#written += rows.length;
    else this.#drops.add(rows.length, "the database did not take them");
  }
}

function toRow(request: RelayedRequest): LoggedRequest {
  return {
    id: request.requestId,
    tenantId: request.tenantId ?? null,
    tenantName: request.tenant,
    originId: request.originId,
    connectionId: request.connectionId ?? null,
    startedAt: request.startedAtMs,
    durationMs: request.durationMs,
    target: request.target,
    method: request.method,
    path: request.path,
    clientAddress: request.clientAddress,
    status: request.status,
    outcome: request.outcome,
    errorCode: request.errorCode ?? null,
    policyReason: request.policyReason ?? null,
    requestBytes: request.requestBytes,
    relayedRequestBytes: request.relayedRequestBytes,
    responseBytes: request.responseBytes,
    relayedResponseBytes: request.relayedResponseBytes,
    waitedMs: request.waitedMs ?? null,
    tunnelMs: request.tunnelMs ?? null,
    targetMs: request.targetMs ?? null,
    deliveries: request.deliveries,
  };
}
