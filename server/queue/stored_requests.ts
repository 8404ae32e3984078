/**
 * Requests that are stored before they are delivered: the queue, and those whose mode may deliver them again.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayRequest } from "../../shared/http/message.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import type { BodyStore } from "../body_store/mod.ts";
import type { LocalConnections } from "../dispatch/connections.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type {
  AcknowledgeMode,
  LeaseRepository,
  StoredKind,
  StoredRequest,
  StoredRequestRepository,
  StoredTotals,
} from "../persistence/mod.ts";
import type { TenantQueues } from "../transport/transport.ts";
import type { AcknowledgeTokens } from "./acknowledge_tokens.ts";
import { Ledger } from "./ledger.ts";
import { Pumps } from "./pumps.ts";
import { type RunOptions, type RunParts, StoredRun, type WaitingClient } from "./stored_run.ts";
import { Sweeper } from "./sweeper.ts";
import { Tickets } from "./tickets.ts";
import type { Amount } from "./usage.ts";

/** A request that is to be stored. */
export interface NewStoredRequest {
  readonly tenantId: string;
  readonly mode: AcknowledgeMode;
  /** As its target is to see it, but for the headers about delivery. */
  readonly request: RelayRequest;
  readonly isTraced: boolean;
  /** Base of the server's public URLs, without a slash at the end. */
  readonly acknowledgeBase: string;
}

/** What becomes of a stored request whose client waits. */
export interface StoredDispatch {
  /** The first response. Rejects with a `RelayError` that says why there is none. */
  readonly response: Promise<DispatchedResponse>;
  /** The client waits no longer; what is not settled runs on. Idempotent. */
  cancel(reason: CancelReason): void;
}

/** What {@link StoredRequests} work with. */
export interface StoredRequestsParts {
  readonly requests: StoredRequestRepository;
  readonly leases: LeaseRepository;
  readonly bodies: BodyStore;
  readonly dispatcher: Dispatcher;
  readonly connections: LocalConnections;
  readonly queues: TenantQueues;
  readonly tokens: AcknowledgeTokens;
  /** The other origins that are known to live. */
  readonly peers: () => Iterable<string>;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** How requests are stored and delivered. */
export interface StoredRequestsOptions extends RunOptions {
  readonly keepAliveIntervalMs: number;
  /** How long a request is kept before its last delivery begins, in milliseconds. */
  readonly queueExpirationMs: number;
  /** What each tenant may have stored. */
  readonly limit: Amount;
}

/** Stores requests, and brings them to their targets. */
export class StoredRequests {
  readonly #parts: StoredRequestsParts;
  readonly #options: StoredRequestsOptions;
  readonly #ledger: Ledger;
  readonly #pumps: Pumps;
  readonly #tickets: Tickets;
  readonly #sweeper: Sweeper;
  readonly #registration: Disposable;
  readonly #runParts: RunParts;
  readonly #deadlines: Deadlines;
  /** What this origin holds, by request id. */
  readonly #runs = new Map<string, StoredRun>();
  #idle: PromiseWithResolvers<void> | undefined;
  #latestSequence = 0;

  constructor(parts: StoredRequestsParts, options: StoredRequestsOptions) {
    const { requests, leases, bodies, dispatcher, tokens, connections, now } = parts;
    const { originId: holder } = options;
    this.#parts = parts;
    this.#options = options;
    const ledger = this.#ledger = new Ledger({ requests, bodies, limit: options.limit });
    this.#deadlines = new Deadlines(options.acknowledgeTimeoutMs);
    const mayHaveLost = (sinceMs: number) => this.#sweeper.mayHaveLost(sinceMs);
    this.#runParts = { dispatcher, bodies, ledger, tokens, mayHaveLost, deadlines: this.#deadlines, now };
    this.#tickets = new Tickets(parts.queues);
    this.#pumps = new Pumps({
      connections,
      source: {
        claim: (tenantId, { limit }) => requests.claim(tenantId, { holder, limit, nowMs: now() }),
        nextAttemptAt: (tenantId) => requests.nextAttemptAt(tenantId, { nowMs: now() }),
      },
      deliver: (request) => this.#claimed(request),
      now,
    });
    this.#sweeper = new Sweeper({
      requests,
      leases,
      peers: parts.peers,
      isHeld: (id) => this.#runs.has(id),
      running: () => this.#runs.entries().filter(([, run]) => run.isStarted).map(([id]) => id),
      missing: (id) => this.#runs.get(id)?.rowMissing(),
      wake: (tenantId) => this.#pumps.wake(tenantId),
      swept: () => ledger.sweep(),
      now,
    }, options);
    this.#registration = connections.onChange((tenantId) => this.#pumps.changed(tenantId));
  }

  /** What all tenants had stored a moment ago. */
  get totals(): StoredTotals {
    return this.#sweeper.totals;
  }

  /** Requests that this origin holds. */
  get held(): number {
    return this.#runs.size;
  }

  /** Starts to look after what is stored. */
  start(): Promise<void> {
    return this.#sweeper.start();
  }

  /**
   * Stores a request and delivers it. Its client waits.
   *
   * @returns Resolves when the request is stored.
   * @throws {RelayError} `connector_unavailable`, `queue_full`, `body_store_unavailable`, `transport_unavailable`; what its body failed with.
   */
  async dispatch(
    request: NewStoredRequest,
    client: WaitingClient,
  ): Promise<StoredDispatch> {
    if (client.requireActiveConnection && !this.#parts.dispatcher.isReachable(request.tenantId)) {
      throw new RelayError("connector_unavailable", "No connector of this tenant is connected", {
        retryAfterSeconds: 5,
      });
    }
    const stored = await this.#prepare(request, "relay");
    const run = this.#hold(stored, client);
    try {
      await this.#ledger.insert(stored);
    } catch (error) {
      this.#drop(run);
      throw error;
    }
    run.start();
    return { response: run.response, cancel: (reason) => run.leave(reason) };
  }

  /**
   * Stores a request; it is delivered when a connector is there.
   *
   * @returns Resolves when the request is stored.
   * @throws {RelayError} `queue_full`, `body_store_unavailable`, `transport_unavailable`; what its body failed with.
   */
  async enqueue(request: NewStoredRequest): Promise<void> {
    const { tenantId } = request;
    const mode = request.mode === "disabled" ? "connectorReceived" : request.mode;
    await this.#ledger.insert(await this.#prepare({ ...request, mode }, "queue"));
    this.#waits(tenantId);
  }

  /** Something of a tenant waits in the database, for this origin or another. */
  waits(tenantId: string): void {
    this.#waits(tenantId);
  }

  /** Somebody has removed requests by hand. */
  removed(requests: readonly { readonly id: string; readonly bodyKey: string | null }[]): void {
    for (const { id, bodyKey } of requests) {
      this.#runs.get(id)?.settledElsewhere();
      this.#ledger.removeBody(bodyKey);
    }
  }

  /** Something of a tenant waits in the database. */
  wake(tenantId: string): void {
    this.#pumps.wake(tenantId);
  }

  /**
   * A target acknowledges its request.
   *
   * @returns `wrong` when the token is not for this request, `gone` when there is nothing to acknowledge any more.
   */
  async acknowledge(requestId: string, token: string): Promise<"done" | "wrong" | "gone"> {
    const verified = this.#parts.tokens.verify(requestId, token);
    if (verified === undefined) return "wrong";
    const removed = await this.#parts.requests.acknowledge(verified.tenantId, { id: requestId });
    if (removed === undefined) return "gone";
    this.#runs.get(requestId)?.settledElsewhere();
    this.#ledger.removeBody(removed.bodyKey);
    return "done";
  }

  /** Takes no more out of the queue. Resolves when what this origin holds is settled, or waits for others. */
  async drain(): Promise<void> {
    await this.#pumps.stop();
    for (const run of this.#runs.values()) run.stop();
    await this.#whenIdle();
  }

  /** Ends; to be called after {@linkcode drain}, when connections have ended. What is not settled is for others. */
  async stop({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#registration[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
    this.#tickets.stop();
    const timer = setTimeout(() => this.#ledger.stop(), timeoutMs);
    try {
      await this.#ledger.idle();
      await this.#sweeper.stop();
    } finally {
      clearTimeout(timer);
    }
  }

  async #prepare({ tenantId, mode, request, isTraced, acknowledgeBase }: NewStoredRequest, kind: StoredKind) {
    const { requestId, body } = request;
    const isLarge = isStreamBody(body);
    const bodyBytes = isLarge ? await this.#storeBody(requestId, body) : body?.length ?? 0;
    const nowMs = this.#parts.now();
    const isQueued = kind === "queue";
    const stored: StoredRequest = {
      id: requestId,
      tenantId,
      kind,
      mode,
      state: isQueued ? "waiting" : "delivering",
      sequence: this.#nextSequence(nowMs),
      method: request.method,
      target: request.target,
      path: request.path,
      headers: request.headers,
      isTraced,
      body: isLarge ? null : body,
      bodyKey: isLarge ? requestId : null,
      bodyBytes,
      acknowledgeBase,
      createdAt: nowMs,
      expiresAt: nowMs + this.#options.queueExpirationMs,
      attempts: isQueued ? 0 : 1,
      nextAttemptAt: nowMs,
      holder: isQueued ? null : this.#options.originId,
      reason: null,
      lastError: null,
      earlierDeliveries: 0,
    };
    return stored;
  }

  #storeBody(
    key: string,
    { stream, length }: { readonly stream: ReadableStream<Uint8Array>; readonly length?: number },
  ) {
    return this.#parts.bodies.put(key, stream, { maxBytes: this.#options.limit.bytes, lengthBytes: length });
  }

  /** Rises with every request, also within a millisecond, and across restarts as the clock does. */
  #nextSequence(nowMs: number): number {
    return this.#latestSequence = Math.max(this.#latestSequence + 1, nowMs * 1_000);
  }

  #claimed(request: StoredRequest): void {
    if (this.#runs.has(request.id)) return this.#pumps.placed(request);
    this.#hold(request).start();
  }

  #hold(request: StoredRequest, client?: WaitingClient): StoredRun {
    const run = new StoredRun(request, {
      parts: this.#runParts,
      options: this.#options,
      client,
      port: {
        placed: () => this.#pumps.placed(request),
        ended: (run, { isWaiting }) => {
          this.#drop(run);
          this.#pumps.placed(request);
          if (isWaiting) this.#waits(request.tenantId);
        },
      },
    });
    this.#runs.set(request.id, run);
    return run;
  }

  #drop(run: StoredRun): void {
    if (this.#runs.get(run.request.id) === run) this.#runs.delete(run.request.id);
    if (this.#runs.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #waits(tenantId: string): void {
    this.#pumps.wake(tenantId);
    const { connections, dispatcher } = this.#parts;
    const hasRoom = (connections.capacity(tenantId) ?? 0) > 0;
    if (!hasRoom && dispatcher.isConnectedElsewhere(tenantId)) this.#tickets.publish(tenantId);
  }

  async #whenIdle(): Promise<void> {
    if (this.#runs.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }
}
