/**
 * Keeps this server instance's row in the database up to date, so that others see that it lives, and how it is.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { Origin, OriginState } from "../persistence/mod.ts";

const logger = getLogger("maintenance");

const INTERVAL_MS = 5_000;
/** How long the last write may take when the server stops. */
const STOP_TIMEOUT_MS = 2_000;

/** Where the row is. */
export interface OriginStore {
  save(origin: Omit<Origin, "lastSeenAt">): Promise<void>;
}

/** What an {@link OriginHeartbeat} works with. */
export interface OriginHeartbeatOptions {
  readonly origin: Omit<Origin, "lastSeenAt" | "state" | "connections">;
  /** How many connectors are connected now. */
  readonly connections: () => number;
  readonly intervalMs?: number;
}

/** Writes the row at the start, every five seconds, and at the end. */
export class OriginHeartbeat {
  readonly #store: OriginStore;
  readonly #options: Required<OriginHeartbeatOptions>;
  #state: OriginState = "ready";
  #timer: ReturnType<typeof setInterval> | undefined;
  #saving: Promise<void> | undefined;
  #hasFailed = false;

  constructor(store: OriginStore, options: OriginHeartbeatOptions) {
    this.#store = store;
    this.#options = { intervalMs: INTERVAL_MS, ...options };
  }

  /** Writes the first time; resolves when that was tried. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#save(), this.#options.intervalMs);
    await this.#save();
  }

  /** The server finishes what runs; nobody waits for this to be written. */
  drain(): void {
    this.#saveAs("draining");
  }

  /** The server has stopped. Nothing is written any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    const over = new AbortController();
    await Promise.race([this.#saveAs("stopped"), sleep(STOP_TIMEOUT_MS, { signal: over.signal })]);
    over.abort();
  }

  async #saveAs(state: OriginState): Promise<void> {
    this.#state = state;
    await this.#saving;
    await this.#save();
  }

  /** Never rejects, and never writes twice at a time: a database that hangs would gather them. */
  #save(): Promise<void> {
    return this.#saving ??= this.#write().finally(() => this.#saving = undefined);
  }

  async #write(): Promise<void> {
    const { origin, connections } = this.#options;
    try {
      await this.#store.save({ ...origin, state: this.#state, connections: connections() });
      if (this.#hasFailed) logger.info("This origin is told to the others again");
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) logger.warn("Cannot tell the others about this origin: {error}", { error });
      this.#hasFailed = true;
    }
  }
}
