/**
 * Tells a silent peer from a dead one (protocol §6), and measures the round trip on the way.
 *
 * @module
 */

import type { WindowClock } from "./window.ts";

/** What keep-alive does to its connection. */
export interface KeepAlivePort {
  /** Sends a ping with this payload. */
  ping(payload: Uint8Array): void;
  /** Nothing was heard for a whole interval. */
  dead(): void;
}

/** Watches one connection. Native WebSockets have no usable clock of their own for this: theirs stands still while output is queued. */
export class KeepAlive implements Disposable, WindowClock {
  readonly #port: KeepAlivePort;
  #intervalMs: number;
  #heardAtMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasPinged = false;
  #dueAtMs = 0;
  #isDisposed = false;
  #roundTripMs: number | undefined;
  #pingedAtMs = -Infinity;
  /** Who waits for the next round trip. Made when somebody does. */
  #waiting: Set<(sampleMs: number | undefined) => void> | undefined;

  /** Starts watching, with a ping to measure the round trip. */
  constructor(port: KeepAlivePort, intervalMs: number) {
    this.#port = port;
    this.#intervalMs = intervalMs;
    this.#heardAtMs = performance.now();
    this.measure(0);
    this.#schedule();
  }

  /** The smoothed shortest round trip in milliseconds; `undefined` until the first pong. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** The clock that round trips are measured with, in milliseconds. */
  now(): number {
    return performance.now();
  }

  /** Something arrived. */
  heard(): void {
    this.#heardAtMs = performance.now();
    this.#hasPinged = false;
  }

  /** Pings to measure the round trip, unless that was done less than `atMostEveryMs` ago. */
  measure(atMostEveryMs: number): void {
    const now = performance.now();
    if (now - this.#pingedAtMs < atMostEveryMs) return;
    this.#pingedAtMs = now;
    const payload = new Uint8Array(8);
    new DataView(payload.buffer).setFloat64(0, now);
    this.#port.ping(payload);
  }

  /** Pings now and gives the round trip in milliseconds; `undefined` when there is no pong in time, or the connection ends. */
  async sample({ timeoutMs }: { readonly timeoutMs: number }): Promise<number | undefined> {
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    const waiting = this.#waiting ??= new Set();
    waiting.add(resolve);
    this.measure(0);
    const sampleMs = await promise;
    waiting.delete(resolve);
    clearTimeout(timer);
    return sampleMs;
  }

  /** A pong came back with the payload of a ping. Foreign payloads are ignored. */
  pong(payload: Uint8Array): void {
    if (payload.length !== 8) return;
    const sampleMs = performance.now() - new DataView(payload.buffer, payload.byteOffset, 8).getFloat64(0);
    if (!(sampleMs >= 0 && sampleMs <= this.#intervalMs * 2)) return;
    for (const resolve of this.#waiting ?? []) resolve(sampleMs);
    const known = this.#roundTripMs ?? sampleMs;
    // Queues make round trips look longer than the link is, never shorter.
    this.#roundTripMs = sampleMs < known ? sampleMs : known + (sampleMs - known) / 8;
  }

  /** Changes the interval; it holds from now, so a peer that was silent for longer than the new one is not dead yet. */
  setInterval(intervalMs: number): void {
    this.#intervalMs = intervalMs;
    this.heard();
    this.#schedule();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
    for (const resolve of this.#waiting ?? []) resolve(undefined);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    // A ping may have ended the connection: its peer reads nothing.
    if (this.#isDisposed) return;
    const waitMs = this.#heardAtMs + (this.#hasPinged ? this.#intervalMs : this.#intervalMs / 2) - performance.now();
    this.#dueAtMs = performance.now() + Math.max(1, waitMs);
    this.#timer = setTimeout(() => this.#check(), Math.max(1, waitMs));
  }

  #check(): void {
    const now = performance.now();
    if (now - this.#dueAtMs > this.#intervalMs / 2) {
      // This process stood still, so what the peer sent meanwhile is still unread: it gets half an interval more.
      this.#heardAtMs = Math.max(this.#heardAtMs, now - this.#intervalMs / 2);
      this.#hasPinged = false;
    }
    const silentMs = now - this.#heardAtMs;
    if (silentMs >= this.#intervalMs) return this.#port.dead();
    if (silentMs >= this.#intervalMs / 2 && !this.#hasPinged) {
      this.#hasPinged = true;
      this.measure(0);
    }
    this.#schedule();
  }
}
