/**
 * A delivery seen from the server: the request goes out, the response comes in.
 *
 * @module
 */

import { isRelayErrorCode, RelayError } from "../errors/relay_error.ts";
import { isStreamBody, type RelayRequest } from "../http/message.ts";
import { BodyReceiver } from "./body_receiver.ts";
import { BodySender } from "./body_sender.ts";
import { decodeCredit, parseHead } from "./codec.ts";
import type { Delivery, DeliveryOptions, Exchange, ExchangePort, TracedResponse } from "./exchange.ts";
import { readCancelReason, readResponseHead, type RequestHead } from "./exchange_heads.ts";
import { type CancelReason, FLAG_MORE, type Frame, FrameType } from "./frame.ts";
import { ProtocolError } from "./protocol_error.ts";
import { FIRST_WINDOW_BYTES, type ReceiveWindow } from "./window.ts";

/** A connector's words go into logs and answers: no more of them than this, in characters. */
const MAX_MESSAGE_LENGTH = 1000;

/** The server's end of a delivery. */
export class OutgoingExchange implements Exchange, Delivery {
  readonly response: Promise<TracedResponse>;
  readonly #id: string;
  readonly #port: ExchangePort;
  readonly #window: ReceiveWindow;
  readonly #settle: PromiseWithResolvers<TracedResponse>;
  #sender: BodySender | undefined;
  #receiver: BodyReceiver | undefined;
  #onAcknowledged: (() => void) | undefined;
  #isAcknowledged = false;
  #isUpgrade = false;
  #isRefused = false;
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

  /** Sends the request, and its body as the connector gives credit. */
  start(request: RelayRequest, options: DeliveryOptions): void {
    const { body } = request;
    this.#onAcknowledged = options.onAcknowledged;
    const isStream = isStreamBody(body);
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
    this.#sender = new BodySender(
      {
        send: (payload, hasMore) =>
          void this.#port.send(FrameType.data, this.#id, { payload, flags: hasMore ? FLAG_MORE : 0 }),
        whenWritable: () => this.#port.whenWritable(),
      },
      body,
      FIRST_WINDOW_BYTES,
    );
    this.#sender.run().catch((cause) => {
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
        return this.#sender?.addCredit(decodeCredit(frame.payload));
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
    const { status, headers, length, trace, connection } = readResponseHead(parseHead(frame), this.#isUpgrade);
    this.acknowledged();
    if ((frame.flags & FLAG_MORE) === 0) {
      this.#settle.resolve({
        status,
        headers,
        body: frame.payload.length === 0 ? null : frame.payload,
        trace,
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
    this.#settle.resolve({ status, headers, body: this.#receiver.body, trace, connection });
  }

  #receiveData(frame: Frame): void {
    if (this.#receiver === undefined) throw new ProtocolError("unexpected_frame", "Data before its response");
    this.#receiver.receive(frame.payload, (frame.flags & FLAG_MORE) !== 0);
    if (this.#receiver.isSettled) this.#end();
  }

  #receiveError(frame: Frame): void {
    const { code, message, refused } = parseHead(frame);
    this.#isRefused = refused === true;
    // A server that lost the connector says so without having heard that the connector had the request.
    if (!this.#isRefused && code !== "connector_lost") this.acknowledged();
    this.#end(
      new RelayError(
        isRelayErrorCode(code) ? code : "target_unreachable",
        typeof message === "string" ? message.slice(0, MAX_MESSAGE_LENGTH) : "The connector could not answer",
      ),
    );
  }

  /** Without an error the response is complete: what was received stays readable. */
  #end(error?: RelayError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#port.ended(this.#id);
    this.#sender?.stop(error);
    if (this.#receiver === undefined) this.#window.release();
    if (error === undefined) return;
    this.#settle.reject(error);
    this.#receiver?.fail(error);
  }
}
