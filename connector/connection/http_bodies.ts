/**
 * Moves large bodies between a connector and its server by HTTP (protocol §10), over the same sockets as everything else.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import { isStreamBody, type RelayResponse, type StreamBody } from "../../shared/http/message.ts";
import type { BodyAddress, HttpBodyCarrier } from "../../shared/protocol/http_bodies.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import { WebExchange } from "../targets/web_exchange.ts";
import { WebOrigin } from "../targets/web_origin.ts";
import { reasonOf } from "./discovery.ts";
import type { Network } from "./network.ts";
import { ReplayedBody } from "./replayed_body.ts";

const logger = getLogger("connection");

/** After a failure bodies go by the connection for so long, in milliseconds. */
const DISTRUST_MS = 5 * 60_000;
/** Milliseconds until a server must have answered a GET, or taken the first bytes of a POST. */
const BEGIN_TIMEOUT_MS = 10_000;
/** How long a POST waits for the server's word before it gives up its way back, in milliseconds: a proxy may want all of it first. */
const PATIENCE_MS = 1_000;
/** An exchange of bodies ends with its delivery, which the connection ends, and has no limit of its own. In milliseconds. */
const NO_TIMEOUT_MS = 24 * 60 * 60_000;

/** Statuses that say something about one delivery, and nothing about the way. */
const ABOUT_DELIVERY: ReadonlySet<number> = new Set([409, 410]);

/** Where a server takes and gives bodies. */
export interface HttpBodyPlaces {
  readonly requestEndpoint: string;
  readonly responseEndpoint: string;
}

/** What moves bodies at one server. */
export interface HttpBodiesOptions {
  readonly network: Pick<Network, "agentFor">;
  /** The present bearer token. */
  readonly token: () => string;
  /** Milliseconds of any clock that never goes back. */
  readonly now?: () => number;
}

/** The server did not take or give a body. */
class BodyRefusedError extends Error {
  override readonly name = "BodyRefusedError";
  readonly status: number;

  constructor(status: number) {
    super(`the server answered ${status}`);
    this.status = status;
  }
}

/** What the ways to one server have shown, for all connections to it. */
export class HttpBodyTrust {
  readonly #now: () => number;
  #distrustedUntil = -Infinity;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether bodies are worth trying. */
  get isGood(): boolean {
    return this.#now() >= this.#distrustedUntil;
  }

  /** A body could not be moved. */
  failed(error: unknown): void {
    if (error instanceof BodyRefusedError && ABOUT_DELIVERY.has(error.status)) return;
    if (this.isGood) {
      const minutes = DISTRUST_MS / 60_000;
      const reason = reasonOf(error);
      logger.warn("Large bodies go by the WebSocket for {minutes} minutes, as HTTP failed: {reason}", {
        minutes,
        reason,
      });
    }
    this.#distrustedUntil = this.#now() + DISTRUST_MS;
  }
}

/** Moves the bodies of one connection. */
export class HttpBodies implements HttpBodyCarrier {
  readonly #options: HttpBodiesOptions;
  readonly #places: HttpBodyPlaces;
  readonly #trust: HttpBodyTrust;
  #originId: string | undefined;

  constructor(places: HttpBodyPlaces, trust: HttpBodyTrust, options: HttpBodiesOptions) {
    this.#places = places;
    this.#trust = trust;
    this.#options = options;
  }

  /** Says which origin the connection leads to; before that, bodies go by the connection. */
  connected(originId: string): void {
    this.#originId = originId;
  }

  get isUsable(): boolean {
    return this.#originId !== undefined && this.#trust.isGood;
  }

  async post(
    address: BodyAddress,
    body: StreamBody,
    { signal, taken }: { readonly signal: AbortSignal; readonly taken: Promise<void> },
  ): Promise<StreamBody | undefined> {
    using patience = new Timer(PATIENCE_MS);
    const replayed = new ReplayedBody(body, Promise.race([taken, patience.over]));
    try {
      await this.#post(address, replayed, { signal, taken });
      // All of it is there, but its end may not have been read.
      replayed.cancel(undefined);
      return undefined;
    } catch (error) {
      const again = signal.aborted ? undefined : replayed.again();
      if (!replayed.hasFailed && !signal.aborted) this.#trust.failed(error);
      if (again !== undefined) return again;
      replayed.cancel(error);
      throw error;
    }
  }

  async fetch(
    address: BodyAddress,
    { length, signal }: { readonly length: number; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>> {
    const url = new URL(`${this.#places.requestEndpoint}/${address.requestId}?delete=true`);
    using limit = new Limit(BEGIN_TIMEOUT_MS, signal);
    try {
      const { status, body } = await this.#call("GET", url, { address, body: null, signal: limit.signal });
      if (status !== 200 || !isStreamBody(body) || body.length !== length) {
        if (isStreamBody(body)) body.stream.cancel().catch(() => {});
        throw new BodyRefusedError(status);
      }
      return body.stream;
    } catch (error) {
      if (!signal.aborted) this.#trust.failed(error);
      throw error;
    }
  }

  async #post(
    address: BodyAddress,
    replayed: ReplayedBody,
    { signal, taken }: { readonly signal: AbortSignal; readonly taken: Promise<void> },
  ): Promise<void> {
    const url = new URL(`${this.#places.responseEndpoint}/${address.requestId}`);
    using limit = new Limit(BEGIN_TIMEOUT_MS, signal);
    // Whoever has read so much that it cannot begin again has a way that works.
    void Promise.race([taken, replayed.begun]).then(() => limit.lift());
    const { status, body } = await this.#call("POST", url, { address, body: replayed.first, signal: limit.signal });
    if (isStreamBody(body)) body.stream.cancel().catch(() => {});
    if (status < 200 || status > 299 || !replayed.isEnded) throw new BodyRefusedError(status);
  }

  async #call(
    method: "GET" | "POST",
    url: URL,
    { address, body, signal }: {
      readonly address: BodyAddress;
      readonly body: StreamBody | null;
      readonly signal: AbortSignal;
    },
  ): Promise<RelayResponse> {
    signal.throwIfAborted();
    const origin = new WebOrigin(url);
    const rawHeaders = [
      ...["Host", origin.authority],
      ...["Authorization", `Bearer ${this.#options.token()}`],
      ...["RelayServer-RequestOriginId", this.#originId ?? ""],
      ...["RelayServer-DeliveryId", address.deliveryId],
      ...(body === null ? [] : ["Content-Length", String(body.length), "Content-Type", "application/octet-stream"]),
    ];
    const agent = this.#options.network.agentFor(url);
    const path = url.pathname + url.search;
    const deadlines = new Deadlines(NO_TIMEOUT_MS);
    const patience = new Deadlines(NO_TIMEOUT_MS);
    try {
      const context = { signal, inlineBodyLimitBytes: 0 };
      const wire = { origin, agent, method, path, rawHeaders, body };
      return await new WebExchange(wire, { context, deadlines, patience }).response;
    } finally {
      deadlines[Symbol.dispose]();
      patience[Symbol.dispose]();
    }
  }
}

/** Ends something after a time, unless that is lifted. */
class Limit implements Disposable {
  readonly signal: AbortSignal;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(timeoutMs: number, signal: AbortSignal) {
    const abort = new AbortController();
    this.#timer = setTimeout(() => abort.abort(new Error(`nothing happened for ${timeoutMs} ms`)), timeoutMs);
    this.signal = AbortSignal.any([signal, abort.signal]);
  }

  lift(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.lift();
  }
}

/** A time that passes; disposing it leaves no timer behind. */
class Timer implements Disposable {
  readonly over: Promise<void>;
  readonly #timer: ReturnType<typeof setTimeout>;

  constructor(durationMs: number) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#timer = setTimeout(resolve, durationMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
