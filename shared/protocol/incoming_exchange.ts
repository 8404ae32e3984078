/**
 * A delivery seen from the connector: the request comes in, the response goes out.
 *
 * @module
 */

import { RefusedError } from "../errors/refused_error.ts";
import { RelayError } from "../errors/relay_error.ts";
import { isStreamBody, type StreamBody } from "../http/message.ts";
import { BodyReceiver } from "./body_receiver.ts";
import { BodySender } from "./body_sender.ts";
import { decodeCredit, parseHead } from "./codec.ts";
import type { Exchange, ExchangePort, IncomingRequest, TracedResponse } from "./exchange.ts";
import {
  isStatus,
  MAX_ERROR_MESSAGE_LENGTH,
  readCancelReason,
  readRequestHead,
  type RequestHead,
  type ResponseHead,
} from "./exchange_heads.ts";
import { FLAG_MORE, type Frame, FrameType } from "./frame.ts";
import type { ConnectionSettings } from "./handshake_heads.ts";
import { DeferredBody } from "./deferred_body.ts";
import type { HttpBodyCarrier } from "./http_bodies.ts";
import { ProtocolError } from "./protocol_error.ts";
import { FIRST_WINDOW_BYTES, type ReceiveWindow, START_WINDOW_BYTES } from "./window.ts";

/** Answers requests. Rejects with a `RelayError` when there is no answer; any other error is `internal_error` to the client. */
export type RequestHandler = (request: IncomingRequest, settings: ConnectionSettings) => Promise<TracedResponse>;

/**
 * When a request counts as received: `receipt` with its last byte; `handler` when its handler says so, because it passes the request on to
 * who will really have it.
 */
export type Acknowledges = "receipt" | "handler";

/** What a request asks of its session, besides its exchange's port. */
export interface IncomingExchangeOptions {
  readonly acknowledges: Acknowledges;
  /** Called when {@linkcode IncomingExchange.takeReceipt} has something to tell. */
  readonly acknowledge: () => void;
  /** Moves bodies by HTTP, where the connector can. */
  readonly carrier: HttpBodyCarrier | undefined;
  /** Responses whose length is known and not below this go by HTTP. */
  readonly httpBodyMinimumBytes: number | undefined;
}

/** The connector's end of a delivery. */
export class IncomingExchange implements Exchange {
  readonly #id: string;
  readonly #port: ExchangePort;
  readonly #head: RequestHead;
  readonly #abort = new AbortController();
  readonly #acknowledge: () => void;
  readonly #acknowledges: Acknowledges;
  readonly #carrier: HttpBodyCarrier | undefined;
  readonly #httpBodyMinimumBytes: number;
  #receiver: BodyReceiver | undefined;
  /** The request's body, where it is fetched by HTTP. */
  #deferred: DeferredBody | undefined;
  /** Called when the server takes the response's body from its POST. */
  #postTaken: (() => void) | undefined;
  #sender: BodySender | undefined;
  /** Whether the last byte of the request is here. */
  #isWhole = false;
  /** Whether it is where it is acknowledged from. */
  #isReceived = false;
  #hasAnswered = false;
  #isReceiptTaken = false;
  #isOver = false;

  /**
   * @param frame The request frame.
   * @throws {ProtocolError} when the frame is wrong.
   */
  constructor(frame: Frame, port: ExchangePort, options: IncomingExchangeOptions) {
    const { acknowledges, acknowledge, carrier, httpBodyMinimumBytes = Infinity } = options;
    this.#id = frame.id;
    this.#carrier = carrier;
    this.#httpBodyMinimumBytes = httpBodyMinimumBytes;
    this.#port = port;
    this.#head = readRequestHead(parseHead(frame));
    this.#acknowledges = acknowledges;
    this.#acknowledge = acknowledge;
  }

  /**
   * Has the request answered and sends the answer.
   *
   * @param frame The request frame again, for its payload.
   * @throws {ProtocolError} when the payload is wrong.
   */
  start(frame: Frame, handler: (request: IncomingRequest) => Promise<TracedResponse>): void {
    if ((frame.flags & FLAG_MORE) !== 0) this.#openBody(frame);
    else this.#wholeRequest();
    void this.#run(frame, handler);
  }

  async #run(frame: Frame, handler: (request: IncomingRequest) => Promise<TracedResponse>): Promise<void> {
    const { requestId, method, target, path, headers, trace = false } = this.#head;
    const { expiresInMs, tenantId, upgrade, service } = this.#head;
    const body = this.#deferred?.body ?? this.#receiver?.body ?? (frame.payload.length === 0 ? null : frame.payload);
    try {
      const message = { requestId, method, target, path, headers, body, upgrade };
      const { signal } = this.#abort;
      const acknowledge = this.#received;
      await this.#answer(await handler({ ...message, signal, trace, expiresInMs, tenantId, service, acknowledge }));
    } catch (error) {
      this.#refuse(error);
    }
  }

  receive(frame: Frame): void {
    switch (frame.type) {
      case FrameType.data:
        return this.#receiveData(frame);
      case FrameType.credit:
        return this.#receiveCredit(decodeCredit(frame.payload));
      case FrameType.cancel:
        return this.fail(
          new RelayError("client_gone", `The server cancelled the request: ${readCancelReason(parseHead(frame))}`),
        );
      default:
        throw new ProtocolError("unexpected_frame", `A frame of type ${frame.type} does not belong to a request`);
    }
  }

  /** Whether the server is still to hear that the whole request is here. True once. */
  takeReceipt(): boolean {
    if (!this.#isReceived || !this.#head.acknowledge || this.#hasAnswered || this.#isReceiptTaken) return false;
    return this.#isReceiptTaken = true;
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#end(error);
    this.#abort.abort(error);
  }

  #openBody(frame: Frame): void {
    const window = this.#port.openWindow();
    this.#receiver = new BodyReceiver(
      {
        grant: (bytes) => this.#port.grant(this.#id, bytes),
        // The target does not want the rest. It costs at most a window, and the end of the response ends the body too.
        abandon: () => {},
      },
      window,
      this.#head.length,
    );
    this.#receiver.receive(frame.payload, true);
    if (this.#head.http) return this.#fetchBody(this.#receiver, window);
    if (window.sizeBytes > FIRST_WINDOW_BYTES) this.#port.grant(this.#id, window.sizeBytes - FIRST_WINDOW_BYTES);
  }

  /** The body is fetched when it is wanted; what cannot be fetched is asked for by the connection. */
  #fetchBody(receiver: BodyReceiver, window: ReceiveWindow): void {
    const { length } = this.#head;
    const carrier = this.#carrier;
    const askForFrames = () => this.#port.grant(this.#id, window.sizeBytes);
    if (length === undefined || !carrier?.isUsable) return askForFrames();
    const address = { requestId: this.#head.requestId, deliveryId: this.#id };
    const broken = (error: unknown) => this.#deferred?.fail(error);
    const deferred: DeferredBody = this.#deferred = new DeferredBody(length, {
      wanted: () => {
        carrier.fetch(address, { length, signal: this.#abort.signal }).then(
          (stream) => deferred.from(stream).then(() => this.#isWhole || this.#wholeRequest(), broken),
          () => {
            if (this.#isOver) return;
            deferred.from(receiver.body.stream).catch(broken);
            askForFrames();
          },
        );
      },
      completed: () => {},
      broken,
      abandoned: () => {},
    });
  }

  #receiveCredit(bytes: number): void {
    if (bytes === 0) this.#postTaken?.();
    this.#sender?.addCredit(bytes);
  }

  #receiveData(frame: Frame): void {
    if (this.#receiver === undefined || this.#isWhole) {
      throw new ProtocolError("unexpected_frame", "Data for a request without more body");
    }
    const hasMore = (frame.flags & FLAG_MORE) !== 0;
    this.#receiver.receive(frame.payload, hasMore);
    if (!hasMore) this.#wholeRequest();
  }

  #wholeRequest(): void {
    this.#isWhole = true;
    if (this.#acknowledges === "receipt") this.#received();
  }

  readonly #received = (): void => {
    this.#isReceived = true;
    if (this.#head.acknowledge && !this.#hasAnswered) this.#acknowledge();
  };

  async #answer(response: TracedResponse): Promise<void> {
    const { status, headers, body, trace, targetMs, connection } = response;
    if (this.#isOver) return void (isStreamBody(body) && body.stream.cancel().catch(() => {}));
    const isStream = isStreamBody(body);
    const isUpgraded = status === 101 && this.#head.upgrade !== undefined && isStream;
    if (!isStatus(status) && !isUpgraded) {
      throw new RelayError("target_invalid_response", "The target's status is not 200 to 599");
    }
    const isPosted = isStream && (body.length ?? 0) >= this.#httpBodyMinimumBytes && this.#carrier?.isUsable === true;
    const length = isStream ? body.length : undefined;
    const head: ResponseHead = { status, headers, length, trace, targetMs, connection, http: isPosted || undefined };
    const content = { head, flags: isStream ? FLAG_MORE : 0, payload: isStream ? undefined : body ?? undefined };
    if (!this.#port.send(FrameType.response, this.#id, content)) {
      if (isStream) body.stream.cancel().catch(() => {});
      throw new RelayError("target_invalid_response", "The target's headers exceed the connection's limit");
    }
    this.#hasAnswered = true;
    const rest = isPosted ? await this.#postBody(body) : body;
    if (isStreamBody(rest)) await this.#sendBody(rest);
    this.#end();
  }

  /** Returns what the connection is to carry instead. */
  async #postBody(body: StreamBody): Promise<StreamBody | null> {
    const { promise: taken, resolve } = Promise.withResolvers<void>();
    this.#postTaken = resolve;
    const address = { requestId: this.#head.requestId, deliveryId: this.#id };
    try {
      return await this.#carrier?.post(address, body, { signal: this.#abort.signal, taken }) ?? null;
    } catch {
      if (!this.#isOver) this.#port.send(FrameType.cancel, this.#id, { head: { reason: "target_broken" } });
      return null;
    }
  }

  async #sendBody(body: StreamBody): Promise<void> {
    // Sending the head may have ended the connection: then nobody would ever give credit, or stop the sender.
    if (this.#isOver) return void body.stream.cancel().catch(() => {});
    this.#sender = new BodySender(
      {
        send: (payload, hasMore) =>
          void this.#port.send(FrameType.data, this.#id, { payload, flags: hasMore ? FLAG_MORE : 0 }),
        whenWritable: () => this.#port.whenWritable(),
      },
      body,
      this.#head.credit ?? START_WINDOW_BYTES,
    );
    try {
      await this.#sender.run();
    } catch {
      if (!this.#isOver) this.#port.send(FrameType.cancel, this.#id, { head: { reason: "target_broken" } });
    }
  }

  #refuse(error: unknown): void {
    if (this.#isOver) return;
    const head = error instanceof RelayError
      ? {
        code: error.code,
        message: error.message.slice(0, MAX_ERROR_MESSAGE_LENGTH),
        refused: error instanceof RefusedError || undefined,
      }
      : { code: "internal_error", message: "The connector failed to answer" };
    this.#port.send(FrameType.error, this.#id, { head });
    this.#end(error instanceof Error ? error : undefined);
  }

  #end(error?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#port.ended(this.#id);
    this.#sender?.stop(error);
    // Most requests have no body that is still on its way, and an error costs as much as a fifteenth of the whole call.
    if (this.#receiver === undefined && this.#deferred === undefined) return;
    const reason = error ?? new RelayError("client_gone", "The response has ended before the request");
    this.#receiver?.fail(reason);
    this.#deferred?.fail(reason);
  }
}
