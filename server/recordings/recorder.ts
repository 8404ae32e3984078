/**
 * Records requests of tenants for which somebody has begun a recording, at this origin or another.
 *
 * @module
 */

import { DropLog } from "../../shared/log/drop_log.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import { type ActiveRecording, type NewRecordedRequest, retryWrite } from "../persistence/mod.ts";
import type { RelayedRequest } from "../relay/observer.ts";
import type { ExchangeTap, RelayTap, TappedRequest } from "../relay/tap.ts";
import { MemoryBudget } from "./body_capture.ts";
import { RecordedExchange } from "./recorded_exchange.ts";

const logger = getLogger("recordings");

/** How often it is looked for recordings that others have begun or ended. */
const INTERVAL_MS = 1_000;
/** Bodies that are kept and not written yet, of all requests together. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
/** Requests that wait to be written. */
const MAX_WAITING = 1_000;
/** How long a request is tried again while the database is away. */
const PATIENCE_MS = 10_000;

/** Where recordings are kept. */
export interface RecordingStore {
  /** The recordings that run. */
  listActive(): Promise<readonly ActiveRecording[]>;
  /** Adds a request, once however often it is tried; false when the recording is over. */
  addRequest(recordingId: string, request: NewRecordedRequest): Promise<boolean>;
  addDropped(recordingId: string, count: number): Promise<void>;
}

/** How a {@link Recorder} works; what is not given is for tests. */
export interface RecorderOptions {
  /** What is kept of a body at most, in bytes. */
  readonly maxBodyBytes: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  /** Whether it is worth asking the store. */
  readonly isStoreAvailable?: () => boolean;
  readonly intervalMs?: number;
  readonly maxMemoryBytes?: number;
  readonly maxWaiting?: number;
}

interface Waiting {
  readonly recordings: readonly ActiveRecording[];
  readonly exchange: RecordedExchange;
  readonly request: RelayedRequest;
}

/** Sees requests as long as a recording runs. */
export class Recorder implements RelayTap {
  isOn = false;
  readonly #store: RecordingStore;
  readonly #options: RecorderOptions;
  readonly #budget: MemoryBudget;
  readonly #drops = new DropLog((count, reason) =>
    logger.warn("{count} requests are missing from recordings: {reason}", { count, reason })
  );
  #active: ReadonlyMap<string, readonly ActiveRecording[]> = new Map();
  readonly #waiting: Waiting[] = [];
  /** Dropped requests that the recordings have not been told of, by recording. */
  readonly #dropped = new Map<string, number>();
  #writing: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #closing = new AbortController();

  constructor(store: RecordingStore, options: RecorderOptions) {
    this.#store = store;
    this.#options = options;
    this.#budget = new MemoryBudget(options.maxMemoryBytes ?? MAX_MEMORY_BYTES);
  }

  /** Looks for recordings from now on. */
  start(): void {
    if (this.#closing.signal.aborted) return;
    this.#timer = setTimeout(
      () => void this.refresh().finally(() => this.start()),
      this.#options.intervalMs ?? INTERVAL_MS,
    );
  }

  /** Looks now. What fails is tried again with the next look. Never rejects. */
  refresh(): Promise<void> {
    // One that is under way may have looked before what is to be seen.
    const looking: Promise<void> = (this.#looking ?? Promise.resolve()).then(() => this.#look()).finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    return this.#looking = looking;
  }

  open(tapped: TappedRequest): ExchangeTap | undefined {
    const now = this.#options.now();
    const recordings = this.#active.get(tapped.tenantId)?.filter((recording) => mayWant(recording, tapped, now));
    if (recordings === undefined || recordings.length === 0) return undefined;
    return new RecordedExchange(tapped, {
      recordings,
      maxBodyBytes: this.#options.maxBodyBytes,
      budget: this.#budget,
      ended: (exchange, request) => this.#ended(exchange, request),
    });
  }

  /**
   * Sees no more, and writes what is left.
   *
   * @param timeoutMs How long that may take; what is not written by then is dropped.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    clearTimeout(this.#timer);
    this.isOn = false;
    this.#active = new Map();
    const over = new AbortController();
    await Promise.race([this.#writing, sleep(timeoutMs, { signal: over.signal })]);
    over.abort();
    this.#closing.abort();
    clearTimeout(this.#timer);
    await Promise.all([this.#writing, this.#looking]);
    this.#drops[Symbol.dispose]();
  }

  async #look(): Promise<void> {
    const { isStoreAvailable = () => true } = this.#options;
    if (this.#closing.signal.aborted || !isStoreAvailable()) return;
    try {
      const active = await this.#store.listActive();
      if (this.#closing.signal.aborted) return;
      this.#active = Map.groupBy(active, ({ tenantId }) => tenantId);
      this.isOn = active.length > 0;
      await this.#tellDropped();
    } catch (error) {
      logger.warn("Cannot look for recordings: {error}", { error });
    }
  }

  #ended(exchange: RecordedExchange, request: RelayedRequest): void {
    const recordings = exchange.recordings.filter(({ filter }) => wantsStatus(filter, request.status));
    if (recordings.length === 0) return exchange.release();
    if (this.#waiting.length >= (this.#options.maxWaiting ?? MAX_WAITING) || this.#closing.signal.aborted) {
      exchange.release();
      return this.#drop(recordings, "the database is too slow, or away");
    }
    this.#waiting.push({ recordings, exchange, request });
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // SQLite writes while it is called: requests get their turn before each row.
    for (await sleep(0); this.#waiting.length > 0; await sleep(0)) {
      const { recordings, exchange, request } = this.#waiting.shift()!;
      for (const recording of recordings) {
        if (!await this.#write(recording, exchange.rowFor(recording, request))) {
          this.#drop([recording], "the database did not take them");
        }
      }
      exchange.release();
    }
    this.#writing = undefined;
  }

  /** @returns False when the request is lost. */
  async #write({ id }: ActiveRecording, row: NewRecordedRequest): Promise<boolean> {
    try {
      return await retryWrite(async () => void await this.#store.addRequest(id, row), {
        giveUpAfterMs: PATIENCE_MS,
        signal: this.#closing.signal,
      });
    } catch (error) {
      logger.error("Cannot write a recorded request: {error}", { error });
      return false;
    }
  }

  #drop(recordings: readonly ActiveRecording[], reason: string): void {
    for (const { id } of recordings) this.#dropped.set(id, (this.#dropped.get(id) ?? 0) + 1);
    this.#drops.add(recordings.length, reason);
  }

  async #tellDropped(): Promise<void> {
    for (const [id, count] of [...this.#dropped]) {
      await this.#store.addDropped(id, count);
      const left = (this.#dropped.get(id) ?? 0) - count;
      if (left > 0) this.#dropped.set(id, left);
      else this.#dropped.delete(id);
    }
  }
}

function mayWant({ filter, endsAt }: ActiveRecording, { target, path }: TappedRequest, now: number): boolean {
  return now < endsAt && (filter.target === null || filter.target.toLowerCase() === target.toLowerCase()) &&
    (filter.pathPrefix === null || path.startsWith(filter.pathPrefix));
}

function wantsStatus({ minimumStatus, maximumStatus }: ActiveRecording["filter"], status: number): boolean {
  return status >= (minimumStatus ?? 0) && status <= (maximumStatus ?? Infinity);
}
