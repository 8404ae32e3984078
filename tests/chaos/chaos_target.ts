/**
 * The target of a campaign: counts what it gets, acknowledges as it is told, and can be away for a while.
 *
 * @module
 */

import { closedPort } from "../testkit/target.ts";
import { bodyFor } from "./lines.ts";

/** Header by which a request is known at both ends. */
export const ID_HEADER = "X-Chaos-Id";

const ACKNOWLEDGE_PATIENCE_MS = 20_000;
const ACKNOWLEDGE_RETRY_MS = 200;

/** How targets acknowledge. */
export type AcknowledgeHabit = "once" | "twice" | "late" | "wrong";

/** What a target got of one request. */
export interface Received {
  readonly deliveries: number;
  /** Deliveries after the first one that did not say so. */
  readonly unmarked: number;
  /** Deliveries whose body was another than the one that was sent. */
  readonly garbled: number;
}

/** Listens until it is disposed. */
export class ChaosTarget implements AsyncDisposable {
  readonly port = closedPort();
  /** Called before a request is answered. */
  onRequest: (id: string, deliveries: number) => Promise<void> | void = () => {};
  habit: AcknowledgeHabit = "once";
  /** How late a target acknowledges that is late, in milliseconds. */
  lateMs = 0;
  readonly #received = new Map<string, Received>();
  readonly #acknowledging = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  #running: { readonly server: Deno.HttpServer; readonly end: AbortController } | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What was got, by the requests' ids. */
  get received(): ReadonlyMap<string, Received> {
    return this.#received;
  }

  start(): void {
    const end = new AbortController();
    const options = { hostname: "127.0.0.1", port: this.port, signal: end.signal, onListen: () => {} };
    this.#running = { server: Deno.serve(options, (request) => this.#answer(request)), end };
  }

  /** Nobody listens any more and what runs is cut off, as if the program were down: one that takes its leave would still answer. */
  async stop(): Promise<void> {
    this.#running?.end.abort();
    await this.#running?.server.finished;
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.stop();
    await Promise.all(this.#acknowledging);
  }

  async #answer(request: Request): Promise<Response> {
    const id = request.headers.get(ID_HEADER) ?? "";
    let body: string;
    try {
      body = await request.text();
    } catch {
      // It broke off on its way: that is no delivery.
      return new Response(null, { status: 400 });
    }
    const { deliveries, unmarked, garbled } = this.#received.get(id) ?? { deliveries: 0, unmarked: 0, garbled: 0 };
    const isUnmarked = deliveries > 0 && !request.headers.has("RelayServer-Redelivered");
    this.#received.set(id, {
      deliveries: deliveries + 1,
      unmarked: unmarked + (isUnmarked ? 1 : 0),
      garbled: garbled + (body === bodyFor(id) ? 0 : 1),
    });
    await this.onRequest(id, deliveries + 1);
    const url = request.headers.get("RelayServer-AcknowledgeUrl");
    if (url !== null) this.#follow(this.#acknowledge(url));
    return new Response(body);
  }

  async #acknowledge(url: string): Promise<void> {
    if (this.habit === "late") await pause(this.lateMs, this.#stopping.signal);
    if (this.habit === "wrong") await this.#call(url.replace(/\/[^/]+\?/, `/${crypto.randomUUID()}?`));
    await this.#call(url);
    if (this.habit === "twice") await this.#call(url);
  }

  /** As long as the server is away it is asked again. */
  async #call(url: string): Promise<void> {
    const deadline = performance.now() + ACKNOWLEDGE_PATIENCE_MS;
    while (performance.now() < deadline && !this.#stopping.signal.aborted) {
      try {
        const { status, body } = await fetch(url, { method: "POST", signal: this.#stopping.signal });
        await body?.cancel();
        if (status < 500) return;
      } catch {
        // It is down: that is what the campaign is for.
      }
      await pause(ACKNOWLEDGE_RETRY_MS, this.#stopping.signal);
    }
  }

  #follow(done: Promise<void>): void {
    const acknowledging = done.finally(() => this.#acknowledging.delete(acknowledging));
    this.#acknowledging.add(acknowledging);
  }
}

/** Waits; an abort ends it early. */
export async function pause(durationMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, durationMs);
  signal?.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
