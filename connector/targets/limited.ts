/**
 * A limit for the requests that a target gets at a time, from the call to the last byte of the response. More wait in turn.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody, type RelayRequest, type RelayResponse } from "../../shared/http/message.ts";
import { Deadline, Deadlines } from "../../shared/time/deadlines.ts";
import type { Target, TargetContext } from "./target.ts";

/** How a {@linkcode LimitedTarget} limits. */
export interface LimitOptions {
  readonly maximumConcurrentRequests: number;
  /** How long a request waits for its turn, in milliseconds. */
  readonly timeoutMs: number;
}

/** Requests that wait for one that runs; what is beyond is refused at once. */
const WAITING_PER_RUNNING = 10;
const MINIMUM_WAITING = 100;

/** Who waits for its turn. */
interface Waiter {
  readonly go: () => void;
}

/** Passes at most so many requests on at a time. */
export class LimitedTarget implements Target {
  readonly #inner: Target;
  readonly #maximumRunning: number;
  readonly #maximumWaiting: number;
  readonly #deadlines: Deadlines;
  readonly #waiting: Waiter[] = [];
  #running = 0;

  constructor(inner: Target, options: LimitOptions) {
    this.#inner = inner;
    this.#maximumRunning = options.maximumConcurrentRequests;
    this.#maximumWaiting = Math.max(MINIMUM_WAITING, this.#maximumRunning * WAITING_PER_RUNNING);
    this.#deadlines = new Deadlines(options.timeoutMs);
  }

  /** Requests at the target. */
  get running(): number {
    return this.#running;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * {@inheritDoc Target.handle}
   *
   * @throws {RelayError} `overloaded` when too many wait already, or the turn did not come in time: the target has not seen the request.
   */
  async handle(request: RelayRequest, context: TargetContext): Promise<RelayResponse> {
    try {
      await this.#turn(context.signal);
    } catch (error) {
      if (isStreamBody(request.body)) request.body.stream.cancel(error).catch(() => {});
      throw error;
    }
    let response: RelayResponse;
    try {
      response = await this.#inner.handle(request, context);
    } catch (error) {
      this.#leave();
      throw error;
    }
    if (isStreamBody(response.body)) return { ...response, body: whenEnded(response.body, () => this.#leave()) };
    this.#leave();
    return response;
  }

  get isIdle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0 && this.#inner.isIdle !== false;
  }

  /** {@inheritDoc Target.retire} Requests that wait still get their turn. */
  retire(): void {
    this.#inner.retire?.();
  }

  /** {@inheritDoc Target.drain} */
  drain(): void {
    this.#inner.drain?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#deadlines[Symbol.dispose]();
    await this.#inner[Symbol.asyncDispose]?.();
  }

  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#maximumRunning) {
      this.#running++;
      return;
    }
    if (this.#waiting.length >= this.#maximumWaiting) {
      throw new RelayError("overloaded", "Cannot call target: too many requests wait for it");
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { go: resolve };
    const giveUp = (reason: unknown) => {
      const index = this.#waiting.indexOf(waiter);
      if (index === -1) return;
      this.#waiting.splice(index, 1);
      reject(reason);
    };
    const onAbort = () => giveUp(signal.reason);
    const deadline = new Deadline(() =>
      giveUp(new RelayError("overloaded", "Cannot call target: the requests before this one took too long"))
    );
    this.#waiting.push(waiter);
    this.#deadlines.start(deadline);
    signal.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      this.#deadlines.stop(deadline);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** The next one takes the place over, so that nobody overtakes it. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next.go();
  }
}

/** The same body; says once when it has ended in any way. */
function whenEnded(body: Exclude<Body, Uint8Array | null>, onEnd: () => void): Body {
  const reader = body.stream.getReader();
  let hasEnded = false;
  const end = () => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd();
  };
  // It also breaks while nobody reads.
  reader.closed.then(end, end);
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value } = await reader.read();
      if (value === undefined) controller.close();
      else controller.enqueue(value);
    },
    cancel(reason) {
      end();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return { ...body, stream };
}
