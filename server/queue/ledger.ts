/**
 * Writes down what becomes of stored requests: many at a time, and again until the database has it.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { BodyStore } from "../body_store/mod.ts";
import {
  type Burial,
  type NextAttempt,
  PersistenceError,
  retryWrite,
  type StoredRequest,
  type StoredRequestRepository,
} from "../persistence/mod.ts";
import { Batch } from "./batch.ts";
import { type Amount, type Place, Usage } from "./usage.ts";

const logger = getLogger("queue");

const MAX_BATCH = 128;
/**
 * How long a settled request may stay in the database, in milliseconds. Nobody waits for it to go, and a row that goes with others costs a tenth of
 * one that goes alone. If the server dies meanwhile, the request is delivered again, marked as such.
 */
const REMOVAL_MS = 10;
/** How long a database may be away before what was decided meanwhile is left to whoever finds the row, in milliseconds. */
const GIVE_UP_AFTER_MS = 3_600_000;

/** What a {@link Ledger} works with. */
export interface LedgerParts {
  readonly requests: StoredRequestRepository;
  readonly bodies: BodyStore;
  /** What each tenant may have stored. */
  readonly limit: Amount;
}

/** What has to be known of a request to settle it. */
export type SettledRequest = Pick<StoredRequest, "id" | "tenantId" | "bodyKey" | "bodyBytes">;

/** The table of stored requests, as those who deliver them see it. */
export class Ledger {
  readonly #requests: StoredRequestRepository;
  readonly #bodies: BodyStore;
  readonly #usage: Usage;
  readonly #insertions: Batch<StoredRequest>;
  readonly #removals: Batch<string>;
  readonly #stopping = new AbortController();
  /** Writes that nobody waits for. */
  readonly #running = new Set<Promise<void>>();

  constructor({ requests, bodies, limit }: LedgerParts) {
    this.#requests = requests;
    this.#bodies = bodies;
    this.#usage = new Usage({ read: (tenantId) => requests.usage(tenantId), limit });
    this.#insertions = new Batch({ write: (rows) => requests.insertMany(rows), maxItems: MAX_BATCH });
    this.#removals = new Batch({
      write: (ids) => requests.removeMany(ids),
      maxItems: MAX_BATCH,
      gatherMs: REMOVAL_MS,
    });
  }

  /**
   * Stores a request. Resolves when it is safe.
   *
   * @throws {RelayError} `queue_full`; `transport_unavailable` when the database is away; `tenant_unknown` when the tenant is gone.
   */
  async insert(request: StoredRequest): Promise<void> {
    const place = await this.#reserve(request);
    try {
      await asRelayError(this.#insertions.add(request));
      place.taken();
    } catch (error) {
      place.givenUp();
      // It may have been stored nevertheless, and its client is told that it was not.
      this.#follow(this.#remove(request), "Cannot remove stored request: {error}");
      throw error;
    }
  }

  /** A request is settled: it goes, and its body with it. Nobody has to wait for that. */
  settle(request: SettledRequest): void {
    const left = this.#usage.settled(request.tenantId, request.bodyBytes);
    this.#follow(this.#remove(request).finally(left), "Cannot remove stored request: {error}");
  }

  /** Removes a body that nobody needs any more. What is left behind is removed by the maintenance. */
  removeBody(key: string | null): void {
    if (key === null) return;
    this.#follow(this.#bodies.remove(key), "Cannot remove body: {error}");
  }

  /** @returns Whether the request is still the holder's; true as well when the server stops before the database knows. */
  async reschedule(next: NextAttempt): Promise<boolean> {
    return await this.#persistently(() => this.#requests.reschedule(next));
  }

  /** @returns Whether the request was still the holder's. */
  async bury(burial: Burial): Promise<boolean> {
    return await this.#persistently(() => this.#requests.bury(burial));
  }

  /** Forgets what is not needed for now. */
  sweep(): void {
    this.#usage.sweep();
  }

  /** Resolves when everything is written, or is not going to be. After {@linkcode stop} no body store is waited for: it promises no time limit. */
  async idle(): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (this.#running.size > 0 && !signal.aborted) await Promise.race([Promise.all(this.#running), stopped]);
    await Promise.all([this.#insertions.idle(), this.#removals.idle()]);
  }

  /** Waits no longer for a database or a body store that is away. */
  stop(): void {
    this.#stopping.abort();
  }

  /** A body that was stored for a request without a place would be an orphan for a day, and no bound counts orphans. */
  async #reserve({ tenantId, bodyKey, bodyBytes }: SettledRequest): Promise<Place> {
    try {
      return await asRelayError(this.#usage.reserve(tenantId, bodyBytes));
    } catch (error) {
      this.removeBody(bodyKey);
      throw error;
    }
  }

  /** The row goes first: whoever finds it after a crash needs the body, and a body that is left is an orphan that the maintenance removes. */
  async #remove({ id, bodyKey }: SettledRequest): Promise<void> {
    if (await retryWrite(() => this.#removals.add(id), this.#patience)) this.removeBody(bodyKey);
  }

  async #persistently(write: () => Promise<boolean>): Promise<boolean> {
    let result = true;
    await retryWrite(async () => void (result = await write()), this.#patience);
    return result;
  }

  get #patience() {
    return { giveUpAfterMs: GIVE_UP_AFTER_MS, signal: this.#stopping.signal };
  }

  #follow(done: Promise<unknown>, message: string): void {
    const running: Promise<void> = done.then(() => {}, (error) => logger.warn(message, { error }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

async function asRelayError<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    if (!(cause instanceof PersistenceError)) throw cause;
    // Another server, or a command, has removed it since it was looked up.
    if (cause.code === "owner_missing") throw new RelayError("tenant_unknown", "There is no such tenant", { cause });
    if (cause.code !== "database_unavailable") throw cause;
    throw new RelayError("transport_unavailable", "Cannot store request: the database is away", { cause });
  }
}
