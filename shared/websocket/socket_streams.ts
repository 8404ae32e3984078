/**
 * A WebSocket as two streams of bytes, one in each direction, so that it travels like the bodies of a request and its response: with their credit,
 * over as many hops as they do. Both ends of the relay use it, the server towards the client and the connector towards the target.
 *
 * @module
 */

import { RelayError } from "../errors/relay_error.ts";
import {
  MAX_SOCKET_MESSAGE_BYTES,
  type MessageReceiver,
  type MessageSocket,
  sendableCode,
  shortReason,
  SocketClose,
} from "./message_socket.ts";
import { decodeClose, encodeClose, encodeRecord, RecordKind, RecordReader } from "./record.ts";

/** How messages wait. */
export interface SocketStreamsOptions {
  /** What the outgoing stream errors with when the peer leaves without a word. */
  readonly broken: () => RelayError;
  /** How long the other side may take nothing while messages wait, in milliseconds; a minute unless given. */
  readonly stallTimeoutMs?: number;
}

/** A socket that can be paused is, when this much waits, in bytes. */
const PAUSE_BYTES = 256 * 1024;
/** One that cannot is closed with 1013 when this much waits, in bytes. */
const LIMIT_BYTES = 1024 * 1024;
/** Messages wait while this much lies unsent in the socket, in bytes. */
const SOCKET_HIGH_WATER_BYTES = 1024 * 1024;
/** How often a congested socket is looked at, in milliseconds: none tells when it has room. */
const SOCKET_POLL_MS = 5;
const STALL_TIMEOUT_MS = 60_000;
/** How long the other end's goodbye is waited for, in milliseconds. */
const GOODBYE_TIMEOUT_MS = 5000;

/** One WebSocket. The outgoing stream is there before the socket, which is accepted only when the other end is. */
export class SocketStreams implements MessageReceiver {
  /** What the socket receives, as records. Ends after its goodbye; errors when it left without one, behind one in its place. */
  readonly outgoing: ReadableStream<Uint8Array>;
  readonly #options: SocketStreamsOptions;
  readonly #waiting: Uint8Array[] = [];
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #waitingBytes = 0;
  #socket: MessageSocket | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isPaused = false;
  /** The socket is over, or told to end. */
  #isClosed = false;
  /** Nobody reads the outgoing stream any more, or it has ended. */
  #isOutgoingOver = false;
  #isIncomingOver = false;
  /** Set when the socket's peer has left without a word, and the other end is told. */
  #broken: RelayError | undefined;
  #wake: (() => void) | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #goodbyeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SocketStreamsOptions) {
    this.#options = options;
    this.outgoing = new ReadableStream({
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: () => this.#abandoned(),
    }, { highWaterMark: 0 });
  }

  /**
   * Connects the socket with the stream from the other end.
   *
   * @returns When both directions are over. Never rejects.
   */
  async run(socket: MessageSocket, incoming: ReadableStream<Uint8Array>): Promise<void> {
    this.#socket = socket;
    const reader = this.#reader = incoming.getReader();
    if (this.#isClosed) this.#dropIncoming();
    socket.open(this);
    const records = new RecordReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        for (const { kind, payload } of records.read(next.value)) await this.#deliver(socket, kind, payload);
      }
      // Whoever ends without a goodbye has broken off, too.
      this.#close(SocketClose.internalError, "the other side has ended");
    } catch (error) {
      this.#close(...farewell(error));
      reader.cancel(error).catch(() => {});
    } finally {
      this.#isIncomingOver = true;
      clearTimeout(this.#goodbyeTimer);
      clearTimeout(this.#stallTimer);
      if (this.#broken !== undefined) this.#breakOff(this.#broken);
    }
  }

  /** Says goodbye to both ends. Idempotent. */
  end(code: number, reason: string): void {
    this.#push(encodeClose(code, reason));
    this.#finishOutgoing();
    this.#close(code, reason);
    this.#dropIncomingSoon();
  }

  message(data: Uint8Array, isText: boolean): void {
    if (this.#isOutgoingOver || this.#isClosed) return;
    // `ws` refuses them itself, a native WebSocket takes more.
    if (data.length > MAX_SOCKET_MESSAGE_BYTES) return this.end(SocketClose.tooBig, "a message is too large");
    const waitingBytes = this.#waitingBytes + data.length;
    const isFull = waitingBytes >= PAUSE_BYTES && !this.#isPaused;
    if (isFull) this.#isPaused = this.#socket?.pause() === true;
    if (this.#waiting.length > 0 && waitingBytes > LIMIT_BYTES && !this.#isPaused) {
      return this.end(SocketClose.tryAgainLater, "too many messages wait");
    }
    this.#push(encodeRecord(isText ? RecordKind.text : RecordKind.binary, data));
    if (isFull) this.#watchStall();
  }

  closed(code: number, reason: string): void {
    this.#isClosed = true;
    if (code === SocketClose.abnormal) return this.#left(this.#options.broken());
    this.#push(encodeClose(code, reason));
    this.#finishOutgoing();
    this.#dropIncomingSoon();
  }

  /** Without a word. An error would overtake what the peer said before, and take it away: it waits for the other end's goodbye. */
  #left(error: RelayError): void {
    if (this.#isIncomingOver || this.#isOutgoingOver) return this.#breakOff(error);
    this.#broken = error;
    this.#push(encodeClose(...farewell(error)));
    this.#finishOutgoing();
    this.#dropIncomingSoon();
  }

  async #deliver(socket: MessageSocket, kind: number, payload: Uint8Array): Promise<void> {
    if (kind === RecordKind.close) {
      const { code, reason } = decodeClose(payload);
      this.#close(code, reason);
      if (this.#broken !== undefined) this.#breakOff(this.#broken);
      return;
    }
    if (this.#isClosed || (kind !== RecordKind.text && kind !== RecordKind.binary)) return;
    socket.send(payload, kind === RecordKind.text);
    const stallTimeoutMs = this.#options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
    let amount = socket.bufferedAmount;
    for (let stalledMs = 0; amount > SOCKET_HIGH_WATER_BYTES && !this.#isClosed; stalledMs += SOCKET_POLL_MS) {
      if (stalledMs > stallTimeoutMs) return this.#giveUp();
      await new Promise((resolve) => setTimeout(resolve, SOCKET_POLL_MS));
      if (socket.bufferedAmount < amount) stalledMs = 0;
      amount = socket.bufferedAmount;
    }
  }

  /** The socket's peer takes nothing: it would not take a goodbye either. */
  #giveUp(): void {
    this.end(SocketClose.tryAgainLater, "the other side does not read");
    this.#socket?.terminate();
  }

  #push(record: Uint8Array): void {
    if (this.#isOutgoingOver) return;
    this.#waiting.push(record);
    this.#waitingBytes += record.length;
    this.#wake?.();
  }

  async #pull(): Promise<void> {
    while (this.#waiting.length === 0 && !this.#isOutgoingOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = undefined;
    }
    const record = this.#waiting.shift();
    if (record !== undefined) {
      this.#waitingBytes -= record.length;
      this.#controller.enqueue(record);
      this.#resumeSocket();
    }
    if (this.#isOutgoingOver && this.#waiting.length === 0 && this.#broken === undefined) this.#closeController();
  }

  #resumeSocket(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    if (!this.#isPaused) return;
    if (this.#waitingBytes >= PAUSE_BYTES / 2) return this.#watchStall();
    this.#isPaused = false;
    this.#socket?.resume();
  }

  /** A message that waits for ever must not hold its sender for ever. */
  #watchStall(): void {
    const { stallTimeoutMs = STALL_TIMEOUT_MS } = this.#options;
    this.#stallTimer ??= setTimeout(() => this.#stalled(), stallTimeoutMs);
  }

  #stalled(): void {
    this.#waiting.length = 0;
    this.end(SocketClose.tryAgainLater, "the other side does not read");
  }

  #finishOutgoing(): void {
    this.#isOutgoingOver = true;
    clearTimeout(this.#stallTimer);
    this.#wake?.();
  }

  #breakOff(error: RelayError): void {
    // A goodbye is not taken back.
    if (!this.#isOutgoingOver || this.#broken !== undefined) {
      this.#finishOutgoing();
      this.#waiting.length = 0;
      this.#controller.error(error);
    }
    this.#reader?.cancel(error).catch(() => {});
  }

  #closeController(): void {
    try {
      this.#controller.close();
    } catch {
      // It errored, or was cancelled, in the meantime.
    }
  }

  /** The other end wants no more: it has gone, or has said goodbye, which then comes on the incoming stream. */
  #abandoned(): void {
    this.#isOutgoingOver = true;
    this.#waiting.length = 0;
    clearTimeout(this.#stallTimer);
    this.#wake?.();
    this.#dropIncomingSoon();
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket?.close(sendableCode(code), shortReason(reason));
  }

  #dropIncomingSoon(): void {
    if (this.#reader === undefined || this.#isIncomingOver) return;
    this.#goodbyeTimer ??= setTimeout(() => this.#dropIncoming(), GOODBYE_TIMEOUT_MS);
  }

  #dropIncoming(): void {
    this.#close(SocketClose.goingAway, "");
    this.#reader?.cancel(this.#options.broken()).catch(() => {});
  }
}

/** How a peer is told that the other end broke off. */
function farewell(error: unknown): [code: number, reason: string] {
  if (!(error instanceof RelayError)) return [SocketClose.internalError, "the relay failed"];
  if (error.code === "draining") return [SocketClose.goingAway, "draining"];
  if (error.code === "client_gone") return [SocketClose.goingAway, "the client has left"];
  return [SocketClose.internalError, error.code];
}
