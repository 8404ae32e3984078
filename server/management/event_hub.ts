/**
 * What happens at this origin, for those who watch. A watcher that does not keep up loses events and is told so; nobody waits for it.
 *
 * @module
 */

import type { OriginState } from "../persistence/mod.ts";
import type { FinishedRequestDocument } from "./request_log_service.ts";

/** What can happen. */
export const MANAGEMENT_EVENT_TYPES = [
  "tenantOnline",
  "tenantOffline",
  "tenantChanged",
  "tenantRemoved",
  "requestFinished",
  "originChanged",
] as const;

/** One of {@link MANAGEMENT_EVENT_TYPES}. */
export type ManagementEventType = typeof MANAGEMENT_EVENT_TYPES[number];

/** What an event says of a tenant. */
export interface TenantEventDocument {
  readonly tenantId: string;
  readonly tenantName: string;
}

/** What an event says of a server instance. */
export interface OriginEventDocument {
  readonly originId: string;
  readonly machineName: string;
  readonly state: OriginState;
}

/** What there is to say, by what has happened. */
export interface EventDocuments {
  readonly tenantOnline: TenantEventDocument;
  readonly tenantOffline: TenantEventDocument;
  readonly tenantChanged: TenantEventDocument;
  readonly tenantRemoved: TenantEventDocument;
  readonly requestFinished: FinishedRequestDocument;
  readonly originChanged: OriginEventDocument;
}

/** Something that happened. */
export type ManagementEvent = {
  [Type in ManagementEventType]: {
    readonly type: Type;
    /** UUID of the tenant that it is about, if it is about one. */
    readonly tenantId: string | undefined;
    /** What there is to say, as JSON. */
    readonly data: EventDocuments[Type];
  };
}[ManagementEventType];

/** An event with its place in the order. */
export type NumberedEvent = ManagementEvent & {
  /** Names the origin's start and the event; absent for `requestFinished`, of which none are kept. */
  readonly id: string | undefined;
};

/** What a watcher gets: an event, or how many it has missed. */
export type Watched = { readonly event: NumberedEvent } | { readonly lost: number | undefined };

/** What to watch. */
export interface WatchOptions {
  /** Only these types; all unless given. */
  readonly types?: readonly ManagementEventType[] | undefined;
  /** Only events about this tenant; all unless given. */
  readonly tenantId?: string | undefined;
  /** The last event that was seen: those after it come first. */
  readonly afterId?: string | undefined;
}

/** Limits of an {@link EventHub}. */
export interface EventHubOptions {
  /** Begins every id, so that one of another start is not taken for one of this. */
  readonly originId: string;
  /** Events that wait for a watcher at most. */
  readonly bufferSize?: number;
  /** Events that are kept for those who come back. */
  readonly historySize?: number;
  /** Watchers at most. */
  readonly maxWatchers?: number;
}

const DEFAULT_BUFFER_SIZE = 1_000;
const DEFAULT_HISTORY_SIZE = 1_000;
const DEFAULT_MAX_WATCHERS = 100;

/** Passes events on to watchers. */
export class EventHub implements Disposable {
  readonly #originId: string;
  readonly #bufferSize: number;
  readonly #historySize: number;
  readonly #maxWatchers: number;
  readonly #watchers = new Set<Watcher>();
  readonly #history: NumberedEvent[] = [];
  #sequence = 0;
  #isClosed = false;

  constructor(options: EventHubOptions) {
    this.#originId = options.originId;
    this.#bufferSize = options.bufferSize ?? DEFAULT_BUFFER_SIZE;
    this.#historySize = options.historySize ?? DEFAULT_HISTORY_SIZE;
    this.#maxWatchers = options.maxWatchers ?? DEFAULT_MAX_WATCHERS;
  }

  /** Whether anybody would hear of such an event now: where making one costs something, ask first. */
  isWatched(type: ManagementEventType): boolean {
    for (const watcher of this.#watchers) {
      if (watcher.wants(type)) return true;
    }
    return false;
  }

  /** Tells everybody who wants to know. */
  publish(event: ManagementEvent): void {
    if (this.#isClosed) return;
    const isKept = event.type !== "requestFinished";
    const numbered = { ...event, id: isKept ? `${this.#originId}:${++this.#sequence}` : undefined };
    if (isKept) {
      this.#history.push(numbered);
      if (this.#history.length > this.#historySize) this.#history.shift();
    }
    for (const watcher of this.#watchers) watcher.offer(numbered);
  }

  /**
   * Watches from now on; dispose of it to stop.
   *
   * @returns Undefined when there are too many watchers, or the server stops.
   */
  watch(options: WatchOptions = {}): Watcher | undefined {
    if (this.#isClosed || this.#watchers.size >= this.#maxWatchers) return undefined;
    const watcher = new Watcher(options, { bufferSize: this.#bufferSize, end: () => this.#watchers.delete(watcher) });
    if (options.afterId !== undefined) this.#replay(watcher, options.afterId);
    this.#watchers.add(watcher);
    return watcher;
  }

  /** Ends all watchers. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const watcher of [...this.#watchers]) watcher[Symbol.dispose]();
  }

  /** Whoever has seen what is not kept any more, or was at another origin, has missed something. */
  #replay(watcher: Watcher, afterId: string): void {
    const sequence = afterId.startsWith(`${this.#originId}:`) ? Number(afterId.slice(this.#originId.length + 1)) : NaN;
    const oldest = this.#sequence - this.#history.length + 1;
    if (!(sequence >= oldest - 1 && sequence <= this.#sequence)) watcher.lose();
    else this.#history.slice(sequence - oldest + 1).forEach((event) => watcher.offer(event));
  }
}

/** Receives events, one at a time. */
export class Watcher implements Disposable {
  readonly #options: WatchOptions;
  readonly #bufferSize: number;
  readonly #end: () => void;
  #waiting: NumberedEvent[] = [];
  #lost = 0;
  #hasLostUnknown = false;
  readonly #ended = Promise.withResolvers<void>();
  #isEnded = false;
  #wake = () => {};

  constructor(options: WatchOptions, { bufferSize, end }: { readonly bufferSize: number; readonly end: () => void }) {
    this.#options = options;
    this.#bufferSize = bufferSize;
    this.#end = end;
  }

  /** Whether no more events come. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Resolves when no more events come. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Whether it wants events of a type. */
  wants(type: ManagementEventType): boolean {
    return this.#options.types?.includes(type) ?? true;
  }

  /** Gives it an event, if it wants it. Where too many wait, those are lost. */
  offer(event: NumberedEvent): void {
    const { tenantId } = this.#options;
    if (!this.wants(event.type) || (tenantId !== undefined && event.tenantId !== tenantId)) return;
    if (this.#waiting.length >= this.#bufferSize) {
      this.#lost += this.#waiting.length;
      this.#waiting = [];
    }
    this.#waiting.push(event);
    this.#wake();
  }

  /** It has missed events, nobody knows how many. */
  lose(): void {
    this.#hasLostUnknown = true;
    this.#wake();
  }

  /**
   * The next event, or the news that some were lost.
   *
   * @returns Undefined when the time is over before something happens, or it has ended.
   */
  async next(timeoutMs: number): Promise<Watched | undefined> {
    if (!this.#hasNews && !this.#isEnded) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        timer = setTimeout(resolve, timeoutMs);
      });
      clearTimeout(timer);
    }
    return this.#take();
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    this.#isEnded = true;
    this.#waiting = [];
    this.#end();
    this.#wake();
    this.#ended.resolve();
  }

  get #hasNews(): boolean {
    return this.#lost > 0 || this.#hasLostUnknown || this.#waiting.length > 0;
  }

  #take(): Watched | undefined {
    if (this.#isEnded) return undefined;
    if (this.#hasLostUnknown || this.#lost > 0) {
      const lost = this.#hasLostUnknown ? undefined : this.#lost;
      this.#lost = 0;
      this.#hasLostUnknown = false;
      return { lost };
    }
    const event = this.#waiting.shift();
    return event && { event };
  }
}
