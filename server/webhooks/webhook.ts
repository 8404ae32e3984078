/**
 * Delivers events to one receiver, one after the other.
 *
 * @module
 */

import { DropLog } from "../../shared/log/drop_log.ts";
import { getLogger } from "../../shared/log/mod.ts";
import { sleep } from "../../shared/time/sleep.ts";
import { signatureHeaders } from "./signature.ts";

const logger = getLogger("webhooks");

const MAX_QUEUED = 1_000;

/** How deliveries are repeated. */
export interface WebhookRetry {
  /** The first delay, in milliseconds; each further one is twice as long. */
  readonly minimumDelayMs: number;
  /** The longest delay, in milliseconds. */
  readonly maximumDelayMs: number;
  /** How often an event is sent before it is given up. */
  readonly attempts: number;
}

/** Two minutes: longer outages of a receiver are for somebody to look at, and presence can be asked for. */
const RETRY: WebhookRetry = { minimumDelayMs: 1_000, maximumDelayMs: 60_000, attempts: 8 };

/** What a {@link Webhook} is made with. */
export interface WebhookOptions {
  readonly name: string;
  readonly url: string;
  readonly key: Uint8Array<ArrayBuffer>;
  /** How long a receiver may take, in milliseconds. */
  readonly timeoutMs: number;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  readonly version: string;
  readonly retry?: WebhookRetry;
  /** Events kept while the receiver does not take them; then the oldest are dropped. */
  readonly maxQueued?: number;
}

/** An event that waits. */
interface QueuedEvent {
  readonly id: string;
  readonly body: string;
}

/** One receiver. */
export class Webhook {
  readonly name: string;
  readonly #options: Required<WebhookOptions>;
  readonly #drops: DropLog;
  readonly #queue: QueuedEvent[] = [];
  #delivered = 0;
  #failed = 0;
  #delivering: Promise<void> | undefined;
  #isClosed = false;
  readonly #givingUp = new AbortController();

  constructor(options: WebhookOptions) {
    this.name = options.name;
    this.#options = { retry: RETRY, maxQueued: MAX_QUEUED, ...options };
    this.#drops = new DropLog((count, reason) =>
      logger.warn("{count} events for webhook {webhook} were given up: {reason}", {
        count,
        webhook: this.name,
        reason,
      })
    );
  }

  /** Events that wait, or are being delivered. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Events delivered since the start. */
  get delivered(): number {
    return this.#delivered;
  }

  /** Attempts that failed since the start. */
  get failed(): number {
    return this.#failed;
  }

  /** Events given up since the start. */
  get dropped(): number {
    return this.#drops.total;
  }

  /** Queues an event; `payload` becomes the body, as JSON. */
  send(payload: unknown): void {
    if (this.#isClosed) return this.#drops.add(1, "the server stops");
    if (this.#queue.length === this.#options.maxQueued) {
      // Not the first, which is under way. What happened last says most about how things are.
      this.#queue.splice(1, 1);
      this.#drops.add(1, "too many wait for the receiver");
    }
    this.#queue.push({ id: `msg_${crypto.randomUUID()}`, body: JSON.stringify(payload) });
    this.#delivering ??= this.#deliverAll();
  }

  /**
   * Takes no more, and delivers what is left.
   *
   * @param timeoutMs How long that may take; what is not delivered by then is given up.
   */
  async close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#isClosed = true;
    const over = new AbortController();
    await Promise.race([this.#delivering, sleep(timeoutMs, { signal: over.signal })]);
    over.abort();
    this.#givingUp.abort();
    await this.#delivering;
    if (this.#queue.length > 0) this.#drops.add(this.#queue.length, "the server stopped before they were delivered");
    this.#queue.length = 0;
    this.#drops[Symbol.dispose]();
  }

  async #deliverAll(): Promise<void> {
    for (let event = this.#queue[0]; event !== undefined; event = this.#queue[0]) {
      const isDelivered = await this.#deliver(event);
      if (this.#givingUp.signal.aborted && !isDelivered) break;
      this.#queue.shift();
      if (isDelivered) this.#delivered++;
      else this.#drops.add(1, "the receiver did not take them");
    }
    this.#delivering = undefined;
  }

  async #deliver(event: QueuedEvent): Promise<boolean> {
    const { minimumDelayMs, maximumDelayMs, attempts } = this.#options.retry;
    for (let attempt = 1;; attempt++) {
      const failure = await this.#attempt(event);
      if (failure === undefined) return true;
      this.#failed++;
      const facts = { webhook: this.name, eventId: event.id, attempt, failure };
      logger.warn("Webhook {webhook} did not take an event: {failure}", facts);
      if (attempt >= attempts) return false;
      const delayMs = Math.min(maximumDelayMs, minimumDelayMs * 2 ** (attempt - 1));
      await sleep(delayMs * (1 - Math.random() / 4), { signal: this.#givingUp.signal });
      if (this.#givingUp.signal.aborted) return false;
    }
  }

  /** @returns Why it failed, without the address, which may hold a secret. */
  async #attempt({ id, body }: QueuedEvent): Promise<string | undefined> {
    const { url, key, timeoutMs, now, version } = this.#options;
    const timestampSeconds = Math.floor(now() / 1_000);
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), timeoutMs);
    try {
      const headers = {
        "content-type": "application/json",
        "user-agent": `RelayServer/${version}`,
        ...await signatureHeaders(key, { id, timestampSeconds, body }),
      };
      const signal = AbortSignal.any([timeout.signal, this.#givingUp.signal]);
      const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
      await response.body?.cancel();
      return response.ok ? undefined : `it answered ${response.status}`;
    } catch (error) {
      if (timeout.signal.aborted) return `no answer within ${timeoutMs} ms`;
      return this.#givingUp.signal.aborted ? "the server stops" : `it cannot be reached: ${reasonOf(error)}`;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What `fetch` says names the address: not as it is configured, but without user, password and fragment. */
function reasonOf(error: unknown): string {
  const { message } = error instanceof Error && error.cause instanceof Error ? error.cause : new Error(String(error));
  return message.replaceAll(/https?:\/\/\S+?(?=\)?:?(?:\s|$))/gi, "...");
}
