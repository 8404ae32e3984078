/**
 * One connection after its handshake: many deliveries, each with its bodies, over one pipe.
 *
 * @module
 */

import type { RelayRequest } from "../http/message.ts";
import { decodeFrame, decodeIds, encodeCredit, encodeFrame, encodeIds, type FrameContent, parseHead } from "./codec.ts";
import type { Delivery, DeliveryOptions, ExchangePort } from "./exchange.ts";
import { readGoAway } from "./exchange_heads.ts";
import { ExchangeTable } from "./exchange_table.ts";
import { CloseCode, CONNECTION_ID, type Frame, FrameType, type GoAwayReason, type Reconnect } from "./frame.ts";
import { type ConnectionSettings, readSettings, readTargets, type ServedTargets } from "./handshake_heads.ts";
import { IncomingExchange } from "./incoming_exchange.ts";
import type { HttpBodyOptions, HttpDelivery } from "./http_bodies.ts";
import { KeepAlive } from "./keep_alive.ts";
import { OutgoingExchange } from "./outgoing_exchange.ts";
import type { MessagePipe, PipeReceiver } from "./pipe.ts";
import { PipeRoom } from "./pipe_room.ts";
import { ProtocolError } from "./protocol_error.ts";
import type { SessionEnd, SessionOptions } from "./session_options.ts";
import { ReceiveWindow, WindowBudget } from "./window.ts";

/** An acknowledgement waits this long for its response, which makes it needless, in milliseconds. */
const ACKNOWLEDGE_DELAY_MS = 10;
/** Round trips are measured at most this often while bodies flow, in milliseconds. */
const MEASURE_INTERVAL_MS = 1000;
/** Deliveries a connector takes at once; the server stays far below. */
const MAX_DELIVERIES = 10_000;

/** One side of a connection. */
export class Session implements PipeReceiver {
  /** Resolves when the connection is over, whoever ended it. Never rejects. */
  readonly ended: Promise<SessionEnd>;
  readonly #pipe: MessagePipe;
  readonly #options: SessionOptions;
  readonly #exchanges = new ExchangeTable<OutgoingExchange | IncomingExchange>();
  readonly #budget = new WindowBudget();
  readonly #room: PipeRoom;
  readonly #keepAlive: KeepAlive;
  readonly #settleEnded: (end: SessionEnd) => void;
  /** Made with the first delivery: most connections have nothing to do. */
  #exchangePort: ExchangePort | undefined;
  #acknowledgeTimer: ReturnType<typeof setTimeout> | undefined;
  #isLeaving = false;
  #isPeerLeaving = false;
  #isClosed = false;
  #settings: ConnectionSettings;
  #httpBodies: HttpBodyOptions | undefined;

  /** Takes over an open pipe. */
  constructor(pipe: MessagePipe, options: SessionOptions) {
    this.#pipe = pipe;
    this.#room = new PipeRoom(pipe);
    this.#options = options;
    this.#settings = options.settings;
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#settleEnded = resolve;
    this.#keepAlive = new KeepAlive({
      ping: (payload) => void this.#send(FrameType.ping, CONNECTION_ID, { payload }),
      dead: () => this.#fail(new ProtocolError("keep_alive_timeout", "Nothing was heard for a keep-alive interval")),
    }, options.settings.keepAliveIntervalMs);
    pipe.open(this);
  }

  /** Deliveries under way. */
  get inFlight(): number {
    return this.#exchanges.size;
  }

  /** Whether requests may still be delivered. */
  get isOpen(): boolean {
    return !this.#isClosed && !this.#isLeaving && !this.#isPeerLeaving;
  }

  /** The connection's round trip in milliseconds, once it is known. */
  get roundTripMs(): number | undefined {
    return this.#keepAlive.roundTripMs;
  }

  /** Measures the round trip now, in milliseconds; `undefined` when nothing came back in time. */
  ping(options: { readonly timeoutMs: number }): Promise<number | undefined> {
    return this.#keepAlive.sample(options);
  }

  /** What the windows of this side may still take together, in bytes (protocol §5). */
  get freeWindowBytes(): number {
    return this.#budget.freeBytes;
  }

  /** Server only: delivers a request. Check `isOpen` first. */
  deliver(request: RelayRequest, options: DeliveryOptions = {}): Delivery {
    const id = crypto.randomUUID().replaceAll("-", "");
    const exchange = new OutgoingExchange(id, this.#port);
    this.#exchanges.add(id, exchange);
    if (this.#isClosed) exchange.fail(new Error("Cannot deliver: the connection is closed"));
    else exchange.start(request, options);
    return exchange;
  }

  /** Server only: large bodies may go by HTTP from now on. */
  allowHttpBodies(options: HttpBodyOptions): void {
    this.#httpBodies = options;
  }

  /** Server only: a delivery under way whose bodies may go by HTTP. */
  findHttpDelivery(deliveryId: string): HttpDelivery | undefined {
    const exchange = this.#exchanges.get(deliveryId);
    return exchange instanceof OutgoingExchange ? exchange : undefined;
  }

  /** Server only: sends new settings, and applies them here. */
  configure(settings: ConnectionSettings): void {
    if (this.#isClosed) return;
    this.#send(FrameType.configure, CONNECTION_ID, { head: settings });
    this.#keepAlive.setInterval(settings.keepAliveIntervalMs);
  }

  /** Connector only: sends a renewed token. */
  authenticate(token: string): void {
    this.#send(FrameType.authenticate, CONNECTION_ID, { head: { token } });
  }

  /** Connector only: says what it serves from now on. A server of an earlier version takes no notice. */
  sendTargets(served: ServedTargets): void {
    this.#send(FrameType.targets, CONNECTION_ID, { head: served });
  }

  /**
   * Lets what runs finish, then closes. Idempotent; `ended` tells when it is done.
   *
   * @param reconnect What the connector is to do; meaningless when the connector itself drains.
   */
  drain(reason: GoAwayReason, reconnect: Reconnect): void {
    if (this.#isLeaving || this.#isClosed) return;
    this.#isLeaving = true;
    this.#send(FrameType.goAway, CONNECTION_ID, { head: { reason, reconnect } });
    this.#closeWhenDrained();
  }

  /** Ends the connection now; deliveries fail. Idempotent. */
  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#end({ code, reason });
    this.#pipe.close(code, reason);
  }

  message(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.#keepAlive.heard();
    try {
      if (bytes.length > this.#options.maxMessageBytes) {
        throw new ProtocolError("frame_too_large", `A frame of ${bytes.length} bytes exceeds the limit`);
      }
      this.#receive(decodeFrame(bytes));
    } catch (error) {
      this.#fail(
        error instanceof ProtocolError
          ? error
          : new ProtocolError("malformed_frame", "Cannot handle frame", { cause: error }),
      );
    }
  }

  closed(code: number, reason: string): void {
    this.#end({ code, reason });
  }

  #receive(frame: Frame): void {
    switch (frame.type) {
      case FrameType.response:
      case FrameType.data:
      case FrameType.credit:
      case FrameType.cancel:
        return this.#exchanges.get(frame.id)?.receive(frame);
      case FrameType.request:
        return this.#receiveRequest(frame);
      case FrameType.acknowledge:
        return this.#receiveAcknowledge(frame);
      case FrameType.ping:
        if (frame.payload.length > 64) throw new ProtocolError("malformed_frame", "A ping carries at most 64 bytes");
        return void this.#send(FrameType.pong, CONNECTION_ID, { payload: frame.payload });
      case FrameType.pong:
        return this.#keepAlive.pong(frame.payload);
      case FrameType.configure:
        return this.#receiveConfigure(frame);
      case FrameType.authenticate:
        return this.#receiveAuthenticate(frame);
      case FrameType.targets:
        return this.#receiveTargets(frame);
      case FrameType.goAway:
        return this.#receiveGoAway(frame);
      case FrameType.error:
        if (frame.id !== CONNECTION_ID) return this.#exchanges.get(frame.id)?.receive(frame);
        return;
      case FrameType.hello:
      case FrameType.welcome:
        throw new ProtocolError("unexpected_frame", "The handshake is over");
    }
  }

  #receiveRequest(frame: Frame): void {
    const handler = this.#options.handlers.request;
    if (handler === undefined || frame.id === CONNECTION_ID || this.#exchanges.get(frame.id) !== undefined) {
      throw new ProtocolError("unexpected_frame", "A request was not expected");
    }
    if (this.#exchanges.size >= MAX_DELIVERIES) {
      const head = { code: "overloaded", message: "The connector has too many requests in flight", refused: true };
      return void this.#send(FrameType.error, frame.id, { head });
    }
    const exchange = new IncomingExchange(frame, this.#port, {
      acknowledges: this.#options.handlers.acknowledges ?? "receipt",
      acknowledge: this.#acknowledgeSoon,
      carrier: this.#options.handlers.httpBodies,
      httpBodyMinimumBytes: this.#settings.httpBodyMinimumBytes,
    });
    this.#exchanges.add(frame.id, exchange);
    exchange.start(frame, (request) => handler(request, this.#settings));
  }

  #receiveAcknowledge(frame: Frame): void {
    for (const id of decodeIds(frame.payload)) {
      const exchange = this.#exchanges.get(id);
      if (exchange instanceof OutgoingExchange) exchange.acknowledged();
    }
  }

  #receiveConfigure(frame: Frame): void {
    if (this.#isServer) throw new ProtocolError("unexpected_frame", "Settings come from the server");
    const settings = this.#settings = readSettings(parseHead(frame));
    this.#keepAlive.setInterval(settings.keepAliveIntervalMs);
    this.#options.handlers.configure?.(settings);
  }

  #receiveAuthenticate(frame: Frame): void {
    if (!this.#isServer) throw new ProtocolError("unexpected_frame", "Tokens come from the connector");
    const { token } = parseHead(frame);
    if (typeof token !== "string") throw new ProtocolError("malformed_head", "The head of authenticate needs a token");
    this.#options.handlers.authenticate?.(token);
  }

  #receiveTargets(frame: Frame): void {
    if (!this.#isServer) throw new ProtocolError("unexpected_frame", "Targets come from the connector");
    this.#options.handlers.targets?.(readTargets(parseHead(frame)));
  }

  #receiveGoAway(frame: Frame): void {
    const { reason, reconnect } = readGoAway(parseHead(frame));
    this.#isPeerLeaving = true;
    this.#options.handlers.goAway?.(reason, reconnect);
    if (!this.#isLeaving && this.#isServer) {
      this.#isLeaving = true;
      this.#send(FrameType.goAway, CONNECTION_ID, { head: { reason: "draining", reconnect: "later" } });
    }
    this.#closeWhenDrained();
  }

  get #isServer(): boolean {
    return this.#options.handlers.request === undefined;
  }

  /**
   * Who drains closes: the server after its last delivery; the connector after its last one, once the server has said that no more will
   * follow. A connector that both want to stop closes from either side.
   */
  #closeWhenDrained(): void {
    if (!this.#isLeaving || this.#exchanges.size > 0) return;
    if (this.#isServer ? !this.#isPeerLeaving : this.#isPeerLeaving) this.close(CloseCode.done, "drained");
  }

  get #port(): ExchangePort {
    return this.#exchangePort ??= {
      send: (type, id, content) => this.#send(type, id, content),
      whenWritable: () => this.#room.whenFree(),
      openWindow: () => new ReceiveWindow(this.#budget, this.#keepAlive),
      grant: (id, bytes) => {
        this.#keepAlive.measure(MEASURE_INTERVAL_MS);
        this.#send(FrameType.credit, id, { payload: encodeCredit(bytes) });
      },
      ended: (id) => this.#exchangeEnded(id),
      httpBodies: () => this.#httpBodies,
    };
  }

  #exchangeEnded(id: string): void {
    this.#exchanges.remove(id);
    this.#options.handlers.deliveryEnded?.();
    this.#closeWhenDrained();
  }

  /** The response makes the acknowledgement needless when it comes soon. */
  readonly #acknowledgeSoon = (): void => {
    this.#acknowledgeTimer ??= setTimeout(() => {
      this.#acknowledgeTimer = undefined;
      const received = this.#exchanges.list().filter(([, exchange]) =>
        exchange instanceof IncomingExchange && exchange.takeReceipt()
      );
      if (received.length === 0) return;
      this.#send(FrameType.acknowledge, CONNECTION_ID, { payload: encodeIds(received.map(([id]) => id)) });
    }, ACKNOWLEDGE_DELAY_MS);
  };

  #send(type: number, id: string, content: FrameContent): boolean {
    if (this.#isClosed) return true;
    const message = encodeFrame(type, id, content);
    if (message.length > this.#options.peerMaxMessageBytes) return false;
    this.#pipe.send(message);
    if (this.#room.isExceeded) {
      this.#fail(new ProtocolError("flow_control", "The peer does not read what it is sent"));
    }
    return true;
  }

  /** The peer did something wrong, or nothing at all. */
  #fail(error: ProtocolError): void {
    if (this.#isClosed) return;
    if (error.code === "keep_alive_timeout" || this.#room.isExceeded) {
      this.#end({ code: CloseCode.keepAliveTimeout, reason: error.code, error });
      return this.#pipe.terminate();
    }
    this.#send(FrameType.error, CONNECTION_ID, { head: { code: error.code, message: error.message } });
    this.#end({ code: CloseCode.protocolError, reason: error.code, error });
    this.#pipe.close(CloseCode.protocolError, error.code);
  }

  #end(end: SessionEnd): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#keepAlive[Symbol.dispose]();
    this.#room[Symbol.dispose]();
    clearTimeout(this.#acknowledgeTimer);
    const error = end.error ?? new Error(`The connection was closed: ${end.code} ${end.reason}`);
    for (const [, exchange] of this.#exchanges.list()) exchange.fail(error);
    this.#settleEnded(end);
  }
}
