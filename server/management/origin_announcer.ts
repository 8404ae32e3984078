/**
 * Writes down that this origin runs, for everybody who asks any of them.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { Origin, OriginState } from "../persistence/mod.ts";
import type { EventHub } from "./event_hub.ts";

const logger = getLogger("management");
const INTERVAL_MS = 10_000;
/** After this long without a sign of life an origin is forgotten. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

/** What {@link OriginAnnouncer} works with. */
export interface OriginAnnouncerParts {
  readonly origins: {
    save(origin: Omit<Origin, "lastSeenAt">): Promise<void>;
    prune(beforeMs: number): Promise<number>;
  };
  readonly events: Pick<EventHub, "publish">;
  readonly connections: { readonly size: number };
  /** What does not change about this origin. */
  readonly origin: Pick<Origin, "id" | "machineName" | "version" | "publicUrl">;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Announces this origin, now and then and when its state changes. Without the database it goes on trying. */
export class OriginAnnouncer implements AsyncDisposable {
  readonly #parts: OriginAnnouncerParts;
  readonly #startedAt: number;
  #state: OriginState = "ready";
  #timer: ReturnType<typeof setInterval> | undefined;
  #saving: Promise<void> = Promise.resolve();

  constructor(parts: OriginAnnouncerParts) {
    this.#parts = parts;
    this.#startedAt = parts.now();
  }

  /** It is ready. */
  start(): void {
    this.#timer = setInterval(() => this.#save(), INTERVAL_MS);
    this.#enter("ready");
  }

  /** It takes no new requests. */
  drain(): void {
    if (this.#timer !== undefined) this.#enter("draining");
  }

  /** It has stopped. Resolves when that is written, or could not be. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#enter("stopped");
    await this.#saving;
  }

  #enter(state: OriginState): void {
    this.#state = state;
    const { id, machineName } = this.#parts.origin;
    this.#parts.events.publish({
      type: "originChanged",
      tenantId: undefined,
      data: { originId: id, machineName, state },
    });
    this.#save();
  }

  /** One after the other: an older state must not be written over a newer one. */
  #save(): void {
    const { origins, origin, connections, now } = this.#parts;
    const record = { ...origin, state: this.#state, connections: connections.size, startedAt: this.#startedAt };
    this.#saving = this.#saving.then(async () => {
      await origins.save(record);
      await origins.prune(now() - KEPT_MS);
    }).catch((error) => logger.warn("Cannot write down the state of this origin: {error}", { error }));
  }
}
