/**
 * A delivery seen from the server: the request goes out, the response comes in.
 *
 * @module
 */

import { isRelayErrorCode, RelayError } from "../errors/relay_error.ts";
import { isStreamBody, type RelayRequest, type StreamBody } from "../http/message.ts";
import { BodyReceiver } from "./body_receiver.ts";
import { BodySender } from "./body_sender.ts";
import { decodeCredit, parseHead } from "./codec.ts";
import type { Delivery, DeliveryOptions, Exchange, ExchangePort, TracedResponse } from "./exchange.ts";
import { MAX_ERROR_MESSAGE_LENGTH, readCancelReason, readResponseHead, type RequestHead } from "./exchange_heads.ts";
import { type CancelReason, FLAG_MORE, type Frame, FrameType } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";
import { DeferredBody } from "./deferred_body.ts";
import type { HttpDelivery } from "./http_bodies.ts";
import { OfferedBody } from "./offered_body.ts";
import { FIRST_WINDOW_BYTES, type ReceiveWindow } from "./window.ts";

/** Errors that say nothing of receipt: a server that lost the connector did not hear of it, and without a target there is nobody to have received. */
const WITHOUT_RECEIPT: ReadonlySet<unknown> = new Set(["connector_lost", "target_unknown"]);

/** The server's end of a delivery. */
export class OutgoingExchange implements Exchange, Delivery, HttpDelivery {
  readonly response: Promise<TracedResponse>;
  readonly #id: string;
  readonly #port: ExchangePort;
  readonly #window: ReceiveWindow;
  readonly #settle: PromiseWithResolvers<TracedResponse>;
  #sender: BodySender | undefined;
  #receiver: BodyReceiver | undefined;
  /** The request's body, where it is to be fetched by HTTP. */
  #offered: OfferedBody | undefined;
  /** The response's body, where it is to be posted by HTTP. */
  #deferred: DeferredBody | undefined;
  #postTimer: ReturnType<typeof setTimeout> | undefined;
  #requestId = "";
  #onAcknowledged: (() => void) | undefined;
  #isAcknowledged = false;
  #isUpgrade = false;
  #isRefused = false;
  #isInFrames = false;
  #isOver = false;

  constructor(id: string, port: ExchangePort) {
    this.#id = id;
    this.#port = port;
    this.#window = port.openWindow();
    this.#settle = Promise.withResolvers();
    this.response = this.#settle.promise;
    // Who cancelled does not have to look at the promise again.
    this.response.catch(() => {});
  }

  get isAcknowledged(): boolean {
    return this.#isAcknowledged;
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  get requestId(): string {
    return this.#requestId;
  }

  /** Sends the request, and its body as the connector gives credit. */
  start(request: RelayRequest, options: DeliveryOptions): void {
    const { body } = request;
    this.#onAcknowledged = options.onAcknowledged;
    this.#requestId = request.requestId;
    const isStream = isStreamBody(body);
    const isByHttp = isStream && (body.length ?? 0) >= (this.#port.httpBodies()?.minimumBytes ?? Infinity);
    const head: RequestHead = {
      requestId: request.requestId,
      method: request.method,
      target: request.target,
      path: request.path,
      headers: request.headers,
      length: isStream ? body.length : undefined,
      credit: this.#window.sizeBytes,
      acknowledge: options.acknowledge || undefined,
      trace: options.trace || undefined,
      expiresInMs: options.expiresInMs,
      upgrade: request.upgrade,
      tenantId: options.tenantId,
      http: isByHttp || undefined,
      service: options.service,
    };
    this.#isUpgrade = request.upgrade !== undefined;
    const content = { head, flags: isStream ? FLAG_MORE : 0, payload: isStream ? undefined : body ?? undefined };
    if (!this.#port.send(FrameType.request, this.#id, content)) {
      return this.#end(
        new RelayError("headers_too_large", "Cannot deliver the request: its headers exceed the connection's limit"),
      );
    }
    // Sending may have ended the connection: then nobody would ever give credit, or stop the sender.
    if (!isStream || this.#isOver) return;
    const sender = this.#sender = new BodySender(
      {
        send: (payload, hasMore) =>
          void this.#port.send(FrameType.data, this.#id, { payload, flags: hasMore ? FLAG_MORE : 0 }),
        whenWritable: () => this.#port.whenWritable(),
      },
      body,
      isByHttp ? 0 : FIRST_WINDOW_BYTES,
    );
    if (isByHttp) this.#offer(body);
    else this.#runSender(sender);
  }

  #offer({ stream, length = 0 }: StreamBody): void {
    this.#offered = new OfferedBody({ stream, length }, (error) => this.#cancel("client_gone", error));
  }

  #runSender(sender: BodySender): void {
    sender.run().catch((cause) => {
      const error = cause instanceof RelayError
        ? cause
        : new RelayError("client_gone", "Cannot read the request's body", { cause });
      this.#cancel("client_gone", error);
    });
  }

  receive(frame: Frame): void {
    switch (frame.type) {
      case FrameType.response:
        return this.#receiveResponse(frame);
      case FrameType.data:
        return this.#receiveData(frame);
      case FrameType.credit:
        return this.#receiveCredit(decodeCredit(frame.payload));
      case FrameType.error:
        return this.#receiveError(frame);
      case FrameType.cancel:
        readCancelReason(parseHead(frame));
        return this.#end(new RelayError("target_unreachable", "The target broke off its response"));
      default:
        throw new ProtocolError("unexpected_frame", `A frame of type ${frame.type} does not belong to a response`);
    }
  }

  /** The connector has the request and the last byte of its body. */
  acknowledged(): void {
    if (this.#isAcknowledged) return;
    this.#isAcknowledged = true;
    this.#onAcknowledged?.();
  }

  openRequestBody(): StreamBody {
    if (this.#offered === undefined) throw new RelayError("body_taken", "The body is not fetched by HTTP");
    return this.#offered.open();
  }

  async takeResponseBody({ stream, length }: StreamBody): Promise<void> {
    const deferred = this.#deferred;
    const error = deferred === undefined || deferred.hasSource
      ? new RelayError("body_taken", "No body is awaited")
      : length !== undefined && length !== deferred.body.length
      ? new RelayError("invalid_request", "The body does not have the length that was announced")
      : undefined;
    if (error !== undefined || deferred === undefined) {
      stream.cancel(error).catch(() => {});
      throw error;
    }
    const taken = deferred.from(stream);
    if (deferred.hasSource) {
      clearTimeout(this.#postTimer);
      this.#port.grant(this.#id, 0);
    }
    try {
      await taken;
    } catch (error) {
      // Another POST, or the connection, may still bring it.
      if (!deferred.hasBegun && !deferred.hasSource) this.#awaitPost();
      throw error;
    }
  }

  fail(error: Error): void {
    this.#end(new RelayError("connector_lost", "The connection to the connector was lost", { cause: error }));
  }

  cancel(reason: CancelReason): void {
    this.#cancel(
      reason,
      new RelayError(reason === "expired" ? "request_expired" : "client_gone", `The request was cancelled: ${reason}`),
    );
  }

  #cancel(reason: CancelReason, error: RelayError): void {
    if (this.#isOver) return;
    this.#port.send(FrameType.cancel, this.#id, { head: { reason } });
    this.#end(error);
  }

  #receiveResponse(frame: Frame): void {
    if (this.#receiver !== undefined) throw new ProtocolError("unexpected_frame", "A second response to one request");
    const response = readResponseHead(parseHead(frame), this.#isUpgrade);
    const { status, headers, length, trace, targetMs, connection, http } = response;
    this.acknowledged();
    if ((frame.flags & FLAG_MORE) === 0) {
      this.#settle.resolve({
        status,
        headers,
        body: frame.payload.length === 0 ? null : frame.payload,
        trace,
        targetMs,
        connection,
      });
      return this.#end();
    }
    this.#receiver = new BodyReceiver(
      {
        grant: (bytes) => this.#port.grant(this.#id, bytes),
        abandon: () => this.cancel("client_gone"),
      },
      this.#window,
      length,
    );
    this.#receiver.receive(frame.payload, true);
    const body = http && length !== undefined ? this.#defer(length) : this.#receiver.body;
    this.#settle.resolve({ status, headers, body, trace, targetMs, connection });
  }

  /** The body comes by HTTP, or in frames after all. */
  #defer(length: number): StreamBody {
    if (this.#port.httpBodies() === undefined) throw new ProtocolError("unexpected_frame", "Bodies do not go by HTTP");
    this.#deferred = new DeferredBody(length, {
      completed: () => this.#end(),
      broken: (error) => this.#cancel("internal", error),
      abandoned: () => this.cancel("client_gone"),
    });
    this.#awaitPost();
    return this.#deferred.body;
  }

  #awaitPost(): void {
    const timeoutMs = this.#port.httpBodies()?.timeoutMs;
    if (this.#isOver || timeoutMs === undefined) return;
    clearTimeout(this.#postTimer);
    this.#postTimer = setTimeout(() => {
      this.#cancel("internal", new RelayError("connector_lost", "The body of the response did not come in time"));
    }, timeoutMs);
  }

  #receiveCredit(bytes: number): void {
    this.#sender?.addCredit(bytes);
    if (this.#sender === undefined || this.#offered === undefined) return;
    if (this.#offered.take()) this.#runSender(this.#sender);
    else if (this.#offered.isFetched) {
      this.#cancel(
        "internal",
        new RelayError("connector_lost", "The request's body was lost on its way to the connector"),
      );
    }
  }

  #receiveData(frame: Frame): void {
    if (this.#receiver === undefined) throw new ProtocolError("unexpected_frame", "Data before its response");
    if (this.#deferred !== undefined && !this.#isInFrames) this.#turnToFrames(this.#deferred, this.#receiver);
    this.#receiver.receive(frame.payload, (frame.flags & FLAG_MORE) !== 0);
    if (this.#receiver.isSettled) this.#end();
  }

  /** The connector could not post the body. */
  #turnToFrames(deferred: DeferredBody, receiver: BodyReceiver): void {
    clearTimeout(this.#postTimer);
    this.#isInFrames = true;
    deferred.from(receiver.body.stream).catch((error) => {
      this.#cancel(
        "internal",
        new RelayError("connector_lost", "The response's body came in two ways", { cause: error }),
      );
    });
  }

  #receiveError(frame: Frame): void {
    const { code, message, refused } = parseHead(frame);
    this.#isRefused = refused === true;
    if (!this.#isRefused && !WITHOUT_RECEIPT.has(code)) this.acknowledged();
    this.#end(
      new RelayError(
        isRelayErrorCode(code) ? code : "target_unreachable",
        typeof message === "string" ? message.slice(0, MAX_ERROR_MESSAGE_LENGTH) : "The connector could not answer",
      ),
    );
  }

  /** Without an error the response is complete: what was received stays readable. */
  #end(error?: RelayError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#port.ended(this.#id);
    this.#sender?.stop(error);
    this.#offered?.stop(error ?? new RelayError("delivery_over", "The delivery is over"));
    clearTimeout(this.#postTimer);
    if (this.#receiver === undefined) this.#window.release();
    // A body that did not come in frames has a window nevertheless.
    if (this.#deferred !== undefined && !this.#isInFrames) this.#receiver?.fail(error);
    if (error === undefined) return;
    this.#settle.reject(error);
    this.#receiver?.fail(error);
    this.#deferred?.fail(error);
  }
}
