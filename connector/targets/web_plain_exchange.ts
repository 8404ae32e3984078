/**
 * One request and its response over a connection of `http1/`: the same rules as `web_exchange.ts`, for `http:` without a proxy, at half the
 * cost.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import { Deadline } from "../../shared/time/deadlines.ts";
import type { Connection, Receiver } from "./http1/connection.ts";
import type { Connections } from "./http1/connections.ts";
import { HttpFault } from "./http1/http_fault.ts";
import { encodeRequest } from "./http1/request_head.ts";
import { ResponseDecoder, type ResponseSink } from "./http1/response_decoder.ts";
import { hasBody, type ResponseHead } from "./http1/response_head.ts";
import { PlainUpload } from "./web_plain_upload.ts";
import { type ExchangeOptions, invalidResponse, type WireRequest } from "./web_exchange.ts";
import { fromRawResponseHeaders } from "./web_headers.ts";
import { WebUpload } from "./web_upload.ts";

/** Which connections a call may use. */
export interface PlainRoute {
  readonly connections: Connections;
  /** Whether the call is simply repeated when a kept connection dies under it. */
  readonly isRepeatable: boolean;
  /** Whether it may use a kept connection, and leave one. */
  readonly isKept: boolean;
}

/** One call. It is over when the response's body has ended, or when anything failed. */
export class PlainExchange implements Receiver, ResponseSink, UnderlyingDefaultSource<Uint8Array> {
  /** Resolves when the head is there, and the body too where it is small. */
  readonly response: Promise<RelayResponse>;
  readonly #wire: Omit<WireRequest, "agent">;
  readonly #route: PlainRoute;
  readonly #options: ExchangeOptions;
  readonly #deadline = new Deadline(() => this.#expire());
  readonly #onAbort = () => this.#fail(this.#options.context.signal.reason);
  readonly #settle = Promise.withResolvers<RelayResponse>();
  readonly #decoder: ResponseDecoder;
  readonly #bytes: Uint8Array;
  #connecting: AbortController | undefined;
  #connection: Connection | undefined;
  #upload: WebUpload | undefined;
  #patience: Deadline | undefined;
  #head: ResponseHead | undefined;
  /** The response without its body, while a small one is waited for. */
  #collecting: Omit<RelayResponse, "body"> | undefined;
  #collected: Uint8Array<ArrayBuffer> | undefined;
  #collectedBytes = 0;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #isWanted = false;
  #isLent = false;
  #hasReceived = false;
  #isReused = false;
  #isReusable = false;
  #diedUnused = false;
  #isOver = false;

  /**
   * Starts the call.
   *
   * @throws {RelayError} `invalid_request` when it cannot be written as HTTP.
   */
  constructor(wire: Omit<WireRequest, "agent">, route: PlainRoute, options: ExchangeOptions) {
    this.#wire = wire;
    this.#route = route;
    this.#options = options;
    this.response = this.#settle.promise;
    this.#bytes = encode(wire, route.isKept);
    this.#decoder = new ResponseDecoder(wire.method, this);
    options.context.signal.addEventListener("abort", this.#onAbort);
    options.deadlines.start(this.#deadline);
    const kept = route.isKept ? route.connections.take(route.isRepeatable) : undefined;
    this.#isReused = kept !== undefined;
    if (kept === undefined) void this.#connect();
    else this.#send(kept);
  }

  /** Whether a kept connection died before a byte of the response came: the request may never have been seen. */
  get diedUnused(): boolean {
    return this.#diedUnused;
  }

  async #connect(): Promise<void> {
    this.#connecting = new AbortController();
    try {
      const connection = await this.#route.connections.open(this.#connecting.signal);
      if (this.#isOver) connection.close();
      else this.#send(connection);
    } catch (error) {
      this.#fail(unreachable(error));
    }
  }

  #send(connection: Connection): void {
    this.#connection = connection;
    connection.attach(this);
    // Where writing fails, reading tells why, or what the target said before.
    connection.write(this.#bytes).catch(() => {});
    const { body } = this.#wire;
    if (!isStreamBody(body)) return;
    const upload = this.#upload = new WebUpload(new PlainUpload(connection, body), body);
    const onProgress = () => this.#head === undefined ? this.#options.deadlines.start(this.#deadline) : undefined;
    upload.run(onProgress).catch((error) => this.#fail(error));
  }

  received(bytes: Uint8Array<ArrayBuffer>, isLent: boolean): void {
    this.#hasReceived = true;
    this.#isLent = isLent;
    try {
      this.#decoder.push(bytes);
    } catch (error) {
      this.#fail(error instanceof HttpFault ? invalidResponse(error.message) : error);
    }
    if (this.#isOver) return this.#letGo();
    if (this.#collecting !== undefined) this.#startPatience();
    if (this.#controller === undefined || this.#isWanted) this.#connection?.read();
  }

  ended(error?: unknown): void {
    if (this.#isOver || (error === undefined && this.#decoder.close())) return this.#connection?.close();
    this.#diedUnused = this.#isReused && !this.#hasReceived;
    this.#fail(unreachable(error));
  }

  head(head: ResponseHead): void {
    const { status, rawHeaders, framing } = head;
    this.#head = head;
    this.#options.deadlines.stop(this.#deadline);
    if (status === 101) throw invalidResponse("it switched protocols unasked");
    if (status > 599) throw invalidResponse("its status is outside 200 to 599");
    const response = { status, headers: fromRawResponseHeaders(rawHeaders).lines };
    if (!hasBody(status, this.#wire.method)) {
      this.#settle.resolve({ ...response, body: null });
    } else if (typeof framing === "number" && framing <= this.#options.context.inlineBodyLimitBytes) {
      this.#collecting = response;
      this.#collected = new Uint8Array(framing);
    } else this.#stream(response);
  }

  data(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#collecting !== undefined) {
      this.#collected?.set(bytes, this.#collectedBytes);
      this.#collectedBytes += bytes.length;
      return;
    }
    this.#isWanted = false;
    // A small part must not keep a large buffer.
    const isSmall = bytes.length * 4 < bytes.buffer.byteLength;
    this.#controller?.enqueue(this.#isLent || isSmall ? bytes.slice() : bytes);
  }

  end(): void {
    if (this.#collecting !== undefined) {
      this.#settle.resolve({ ...this.#collecting, body: this.#collected ?? null });
    }
    this.#isReusable = (this.#upload?.isFinished ?? true) && this.#route.isKept && this.#head?.isKept === true;
    this.#finish();
    this.#controller?.close();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  /** It does not wait: what comes is enqueued whenever it does. */
  pull(): void {
    this.#isWanted = true;
    this.#connection?.read();
  }

  cancel(reason: unknown): void {
    this.#controller = undefined;
    this.#fail(reason);
  }

  /** The call is over, and all that came with its last bytes was looked at. */
  #letGo(): void {
    const connection = this.#connection;
    if (connection === undefined || connection.isClosed) return;
    if (!this.#isReusable || this.#decoder.hasExcess) return connection.close();
    const { isRepeatable, connections } = this.#route;
    connections.release(connection, { isRepeatable, keptSeconds: this.#head?.keptSeconds });
  }

  /** A small body travels with its head, unless it takes its time: then what is there goes on at once. */
  #startPatience(): void {
    if (this.#patience !== undefined) return;
    this.#patience = new Deadline(() => {
      const head = this.#collecting;
      if (head === undefined) return;
      const first = this.#collected?.slice(0, this.#collectedBytes);
      this.#collecting = this.#collected = undefined;
      this.#stream(head, first);
    });
    this.#options.patience.start(this.#patience);
  }

  #stream(head: Omit<RelayResponse, "body">, first?: Uint8Array<ArrayBuffer>): void {
    const stream = new ReadableStream<Uint8Array>(this, { highWaterMark: 0 });
    if (first !== undefined && first.length > 0) this.#controller?.enqueue(first);
    const framing = this.#head?.framing;
    this.#settle.resolve({ ...head, body: { stream, ...(typeof framing === "number" ? { length: framing } : {}) } });
  }

  #expire(): void {
    this.#fail(
      this.#upload?.waitsForBody
        ? new RelayError("request_timeout", "Cannot send request: its body stopped coming")
        : new RelayError("target_timeout", "Cannot call target: it did not answer in time"),
    );
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#finish(reason);
    this.#controller?.error(reason);
    this.#settle.reject(reason);
    this.#connecting?.abort(reason);
    this.#connection?.close();
  }

  /** Also stops an upload that the target did not wait for. */
  #finish(reason?: unknown): void {
    this.#isOver = true;
    const { context, deadlines, patience } = this.#options;
    deadlines.stop(this.#deadline);
    if (this.#patience !== undefined) patience.stop(this.#patience);
    context.signal.removeEventListener("abort", this.#onAbort);
    this.#upload?.stop(reason);
  }
}

function encode({ method, path, rawHeaders, body }: Omit<WireRequest, "agent">, isKept: boolean): Uint8Array {
  try {
    const small = isStreamBody(body) ? undefined : body ?? undefined;
    return encodeRequest({ method, path, rawHeaders, isKept }, small);
  } catch (cause) {
    throw new RelayError("invalid_request", "Cannot send request: it cannot be written as HTTP/1.1", { cause });
  }
}

/** Translates an error of the runtime; without one, the target has closed. */
function unreachable(cause: unknown): RelayError {
  const code = cause instanceof Error ? ("code" in cause ? String(cause.code) : cause.message) : "connection closed";
  return new RelayError("target_unreachable", `Cannot reach target: ${code}`, { cause });
}
