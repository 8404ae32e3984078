/**
 * One stored request while this origin holds it: delivered, delivered again, settled or given up. The row in the database decides.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody } from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/logger.ts";
import type { CancelReason } from "../../shared/protocol/frame.ts";
import { Deadline, type Deadlines } from "../../shared/time/deadlines.ts";
import { sleep } from "../../shared/time/sleep.ts";
import type { BodyStore } from "../body_store/mod.ts";
import type { Dispatch, Dispatcher, DispatchOptions } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { DeadLetterReason, StoredRequest } from "../persistence/mod.ts";
import type { AcknowledgeTokens } from "./acknowledge_tokens.ts";
import { describeFailure, HeldRow, type HeldRowParts } from "./held_row.ts";
import { type Failure, type NextStep, nextStep } from "./next_step.ts";
import { openBody } from "./open_body.ts";
import { present } from "./present.ts";

const logger = getLogger("queue");

/** How long a body store may take to open a body: meanwhile other requests of the tenant may find no room. */
const BODY_TIMEOUT_MS = 15_000;

/** What somebody asks for who waits for the response. */
export type WaitingClient = Pick<DispatchOptions, "requireActiveConnection" | "handover">;

/** What a {@link StoredRun} works with. */
export interface RunParts extends HeldRowParts {
  readonly dispatcher: Pick<Dispatcher, "dispatch">;
  readonly bodies: BodyStore;
  readonly tokens: AcknowledgeTokens;
  /** Of `acknowledgeTimeoutMs`. */
  readonly deadlines: Deadlines;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** How stored requests are delivered. */
export interface RunOptions {
  /** UUID of this origin. */
  readonly originId: string;
  /** How long one delivery may take until its request is settled, in milliseconds. */
  readonly acknowledgeTimeoutMs: number;
  /** Deliveries at most after the first one. */
  readonly redeliveryLimit: number;
}

/** What a run tells. */
export interface RunPort {
  /** It has its room on a connection; may be said again. */
  placed(run: StoredRun): void;
  /** The run is over; the request may be waiting in the database again. */
  ended(run: StoredRun, outcome: { readonly isWaiting: boolean }): void;
}

/** One stored request that this origin holds. */
export class StoredRun {
  readonly request: StoredRequest;
  /** What the client gets; never settles where there is no client. */
  readonly response: Promise<DispatchedResponse>;
  readonly #parts: RunParts;
  readonly #options: RunOptions;
  readonly #port: RunPort;
  readonly #client = Promise.withResolvers<DispatchedResponse>();
  readonly #awake = new AbortController();
  readonly #deadline = new Deadline(() => this.#dispatch?.cancel("expired"));
  readonly #row: HeldRow;
  readonly #requireActiveConnection: boolean;
  readonly #handover: WaitingClient["handover"];
  #isClientWaiting: boolean;
  #attempts: number;
  /** Deliveries since the run began. */
  #handovers = 0;
  #isStarted = false;
  #isStopping = false;
  #isWaiting = false;
  /** The attempt that runs. */
  #dispatch: Dispatch | undefined;
  /** How its last delivery failed, while a client waits for another. */
  #lastError: RelayError | undefined;

  /** @param client Set when somebody waits for the response. */
  constructor(
    request: StoredRequest,
    { parts, options, port, client }: {
      readonly parts: RunParts;
      readonly options: RunOptions;
      readonly port: RunPort;
      readonly client?: WaitingClient | undefined;
    },
  ) {
    this.request = request;
    this.#parts = parts;
    this.#options = options;
    this.#port = port;
    this.#row = new HeldRow(request, parts, options);
    this.#attempts = request.attempts;
    this.#isClientWaiting = client !== undefined;
    this.#requireActiveConnection = client?.requireActiveConnection ?? true;
    this.#handover = client?.handover;
    this.response = this.#client.promise;
    this.response.catch(() => {});
  }

  /** Whether it has begun to deliver, which is after its row was written. */
  get isStarted(): boolean {
    return this.#isStarted;
  }

  /** Begins to deliver. */
  start(): void {
    this.#isStarted = true;
    void this.#run();
  }

  /** The client waits no longer. What is not settled runs on without it. */
  leave(reason: CancelReason): void {
    if (!this.#isClientWaiting) return;
    const isExpired = reason === "expired";
    this.#failClient(
      new RelayError(
        isExpired ? "request_expired" : "client_gone",
        isExpired ? "The target did not answer in time" : "The client has left",
      ),
    );
    this.#awake.abort();
    // What nobody has got yet is for whoever has a connection first.
    if (this.#row.isSettled || this.#dispatch?.deliveries === 0) this.#dispatch?.cancel(reason);
  }

  /** Its row is gone: the target has acknowledged it, or somebody has removed it. */
  settledElsewhere(): void {
    this.#row.settledElsewhere();
    this.#awake.abort();
    if (this.#dispatch !== undefined && this.#dispatch.deliveries > 0) return;
    // Who waits for another delivery waits in vain.
    if (this.#lastError !== undefined) this.#failClient(this.#lastError);
    if (!this.#isClientWaiting) this.#dispatch?.cancel("client_gone");
  }

  /** Its row is gone, or another origin's. One that was taken while this origin stood still runs on: its client waits here. */
  rowMissing(): void {
    if (!this.#row.mayBeLost) this.settledElsewhere();
  }

  /** Waits for no other attempt: the server stops. */
  stop(): void {
    this.#isStopping = true;
    this.#awake.abort();
  }

  async #run(): Promise<void> {
    try {
      if (this.#attempts > this.#options.redeliveryLimit + 1) return await this.#buryUnacknowledged();
      let failure = await this.#attempt();
      while (failure !== undefined && await this.#prepareNext(failure)) failure = await this.#attempt();
    } catch (error) {
      const { id } = this.request;
      logger.error("Delivery of stored request {requestId} failed: {error}", { requestId: id, error });
      this.#failClient(new RelayError("internal_error", "The server failed to deliver the request", { cause: error }));
    } finally {
      this.#port.ended(this, { isWaiting: this.#isWaiting });
    }
  }

  /** @returns How it failed; `undefined` when there is nothing more to do. */
  async #attempt(): Promise<Failure | undefined> {
    const opened = await this.#openBody();
    if ("failure" in opened) return opened.failure;
    if (this.#row.isSettled && !this.#isClientWaiting) {
      if (isStreamBody(opened.body)) opened.body.stream.cancel().catch(() => {});
      return undefined;
    }
    const { originId, acknowledgeTimeoutMs } = this.#options;
    const { dispatcher, tokens, deadlines } = this.#parts;
    // Also of the wait for a connection: nothing says that the ticket was lost, or has expired.
    deadlines.start(this.#deadline);
    let deliveredAtMs = this.#parts.now();
    const dispatch = this.#dispatch = dispatcher.dispatch(
      this.request.tenantId,
      present(this.request, { body: opened.body, originId, tokens }),
      {
        trace: this.request.isTraced,
        expiresInMs: acknowledgeTimeoutMs,
        requireActiveConnection: this.#requireActiveConnection,
        attempt: {
          repeats: () => this.#repeats,
          delivered: ({ isRemote }) => {
            deliveredAtMs = this.#parts.now();
            this.#handover?.handedOver(++this.#handovers);
            if (!isRemote) this.#port.placed(this);
            deadlines.start(this.#deadline);
          },
          acknowledged: () => {
            this.#port.placed(this);
            if (this.request.mode === "connectorReceived") this.#row.settle();
          },
        },
      },
    );
    try {
      await this.#answered(await dispatch.response, deliveredAtMs + acknowledgeTimeoutMs);
      return undefined;
    } catch (cause) {
      if (!(cause instanceof RelayError)) throw cause;
      // Without effect on a body that somebody has begun to read: whoever has ends it. A delivery can fail before that.
      if (isStreamBody(opened.body)) opened.body.stream.cancel().catch(() => {});
      if (dispatch.deliveries > 0) return { error: cause, wasDelivered: true };
      return { error: cause.code === "request_expired" ? noRoom(cause) : cause, wasDelivered: false };
    } finally {
      deadlines.stop(this.#deadline);
      this.#dispatch = undefined;
    }
  }

  async #openBody(): Promise<{ readonly body: Body } | { readonly failure: Failure | undefined }> {
    const { body, bodyKey, id } = this.request;
    if (bodyKey === null) return { body };
    try {
      const timeoutMs = Math.min(this.#options.acknowledgeTimeoutMs, BODY_TIMEOUT_MS);
      const stored = await openBody(this.#parts.bodies, bodyKey, { timeoutMs });
      if (stored !== undefined) return { body: { stream: stored.stream, length: stored.sizeBytes } };
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      return { failure: { error, wasDelivered: false } };
    }
    logger.error("The body of stored request {requestId} is not in the body store any more", { requestId: id });
    const error = new RelayError("body_store_unavailable", "The request's body is not in the body store any more");
    await this.#giveUp("refused", error);
    return { failure: undefined };
  }

  async #answered(response: DispatchedResponse, acknowledgeByMs: number): Promise<void> {
    const { mode } = this.request;
    if (mode !== "manual") this.#row.settle();
    if (this.#isClientWaiting) {
      this.#isClientWaiting = false;
      this.#client.resolve(response);
    } else if (isStreamBody(response.body)) response.body.stream.cancel().catch(() => {});
    if (mode !== "manual" || this.#row.isSettled) return;
    const lastError = "The target did not acknowledge it in time";
    this.#isWaiting = await this.#row.release({
      attempts: this.#attempts,
      nextAttemptAtMs: acknowledgeByMs,
      lastError,
    });
  }

  /** @returns Whether this origin is to deliver it again, now. */
  async #prepareNext(failure: Failure): Promise<boolean> {
    const { error } = failure;
    const step: NextStep = this.#row.isSettled ? { kind: "tell" } : nextStep(failure, {
      attempts: this.#attempts,
      redeliveryLimit: this.#options.redeliveryLimit,
      isClientWaiting: this.#isClientWaiting,
      isStopping: this.#isStopping,
    });
    switch (step.kind) {
      case "again":
        return true;
      case "wait":
        return await this.#waitFor(error, step);
      case "giveUp":
        return await this.#giveUp(step.reason, error);
      case "tell":
        this.#row.settle();
        this.#failClient(error);
        return false;
    }
  }

  async #waitFor(
    error: RelayError,
    { attempts, delayMs }: { readonly attempts: number; readonly delayMs: number },
  ): Promise<boolean> {
    const nextAttemptAtMs = Math.ceil(this.#parts.now() + delayMs);
    const next = { attempts, nextAttemptAtMs, lastError: describeFailure(error) };
    if (!this.#isClientWaiting || this.#isStopping) {
      this.#isWaiting = await this.#row.release(next);
      this.#failClient(error);
      return false;
    }
    this.#lastError = error;
    if (!await this.#row.keep(next)) {
      this.#failClient(error);
      return false;
    }
    await sleep(delayMs, { signal: this.#awake.signal });
    // Counted not before, or a server that dies in the pause would cost a repeat, and not after it is delivered: whoever takes it over must know of it.
    if (this.#isWanted && !await this.#row.keep({ ...next, attempts: attempts + 1 })) {
      this.#failClient(error);
      return false;
    }
    if (this.#isWanted) {
      this.#attempts = attempts + 1;
      return true;
    }
    if (!this.#row.isSettled) this.#isWaiting = await this.#row.release(next);
    this.#failClient(new RelayError("draining", "The server stops", { retryAfterSeconds: 1 }));
    return false;
  }

  /** Deliveries that there may have been. */
  get #repeats(): number {
    const { earlierDeliveries } = this.request;
    return earlierDeliveries + this.#attempts - 1 + (this.#row.mayBeLost ? 1 : 0);
  }

  /** Whether it is to be delivered again here. */
  get #isWanted(): boolean {
    return this.#isClientWaiting && !this.#isStopping && !this.#row.isSettled;
  }

  /** Its target answered each time, but never acknowledged. */
  async #buryUnacknowledged(): Promise<void> {
    this.#attempts--;
    const message = this.request.lastError ?? "Nobody knows what became of its deliveries";
    await this.#giveUp("redelivery_limit", new RelayError("target_timeout", message));
  }

  async #giveUp(reason: DeadLetterReason, error: RelayError): Promise<false> {
    await this.#row.bury(reason, error, { attempts: this.#attempts });
    this.#failClient(error);
    return false;
  }

  #failClient(error: RelayError): void {
    if (!this.#isClientWaiting) return;
    this.#isClientWaiting = false;
    this.#client.reject(error);
  }
}

function noRoom(cause: RelayError): RelayError {
  return new RelayError("request_expired", "No connection had room for the request in time", { cause });
}
