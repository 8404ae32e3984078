/**
 * One request and its response over one socket of `node:http`. What Deno's client does not do by itself is done here: time limits, framing
 * checks, and no silent repeat.
 *
 * @module
 */

import {
  type Agent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from "node:http";
import type { Buffer } from "node:buffer";
import { request as httpsRequest } from "node:https";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import { Deadline, type Deadlines } from "../../shared/time/deadlines.ts";
import type { TargetContext } from "./target.ts";
import { CollectedBody, StreamedBody } from "./web_body.ts";
import { fromRawResponseHeaders } from "./web_headers.ts";
import type { WebOrigin } from "./web_origin.ts";
import { type UploadSink, WebUpload } from "./web_upload.ts";

/** Same as the listener's. */
const MAX_HEADER_SIZE_BYTES = 65_536;

/** A request as it is written to a socket. */
export interface WireRequest {
  readonly origin: WebOrigin;
  readonly agent: Agent;
  readonly method: string;
  /** With query, as in the request line. */
  readonly path: string;
  /** Names and values in turn, `Host` and framing included. */
  readonly rawHeaders: readonly string[];
  readonly body: Body;
}

/** What a call needs beside its request. */
export interface ExchangeOptions {
  readonly context: TargetContext;
  /** Until the head of the response. */
  readonly deadlines: Deadlines;
  /** After these a small body is not waited for any more. */
  readonly patience: Deadlines;
}

/** One call. It is over when the response's body has ended, or when anything failed. */
export class WebExchange {
  /** Resolves when the head is there, and the body too where it is small. */
  readonly response: Promise<RelayResponse>;
  readonly #context: TargetContext;
  readonly #deadlines: Deadlines;
  readonly #deadline = new Deadline(() => this.#expire());
  readonly #patienceDeadlines: Deadlines;
  #patience: Deadline | undefined;
  readonly #request: ClientRequest;
  readonly #upload: WebUpload | undefined;
  readonly #onAbort = () => this.fail(this.#context.signal.reason);
  readonly #resolve: (response: RelayResponse) => void;
  readonly #reject: (reason: unknown) => void;
  #streamed: StreamedBody | undefined;
  #headReceived = false;
  #endedByClose = false;
  #over = false;
  #requestError: Error | undefined;
  #bytesReadBefore: number | undefined;
  #diedUnused = false;

  /**
   * Starts the call.
   *
   * @throws {RelayError} `invalid_request` when it cannot be written as HTTP.
   */
  constructor(wire: WireRequest, options: ExchangeOptions) {
    this.#context = options.context;
    this.#deadlines = options.deadlines;
    this.#patienceDeadlines = options.patience;
    const { promise, resolve, reject } = Promise.withResolvers<RelayResponse>();
    this.response = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#request = openRequest(wire);
    this.#listen(this.#request);
    this.#context.signal.addEventListener("abort", this.#onAbort);
    this.#deadlines.start(this.#deadline);
    this.#upload = this.#send(wire.body);
  }

  /** Whether a kept socket died before a byte of the response came: the request may never have been seen. */
  get diedUnused(): boolean {
    return this.#diedUnused;
  }

  #listen(request: ClientRequest): void {
    request.on("socket", (socket) => {
      if (request.reusedSocket) this.#bytesReadBefore = socket.bytesRead;
      // Deno sends a request again by itself, POST too, when a reused socket dies; but only while this is true.
      request.reusedSocket = false;
    });
    request.on("response", (message) => this.#receive(message));
    request.on("upgrade", () => this.fail(invalidResponse("it switched protocols unasked")));
    // It stays for good: the socket's errors after the end must find a listener.
    request.on("error", (error) => this.#onRequestError(error));
  }

  #send(body: Body): WebUpload | undefined {
    if (!isStreamBody(body)) {
      if (body === null) this.#request.end();
      else this.#request.end(body);
      return undefined;
    }
    // Otherwise the head waits for the body's first bytes, and the target could not refuse or answer before them.
    this.#request.flushHeaders();
    const upload = new WebUpload(new RequestSink(this.#request), body);
    const onProgress = () => this.#headReceived ? undefined : this.#deadlines.start(this.#deadline);
    upload.run(onProgress).catch((error) => this.fail(error));
    return upload;
  }

  #onRequestError(error: Error): void {
    // After the head the response's own events decide: what follows a complete body must not spoil it.
    if (this.#headReceived) {
      this.#requestError ??= error;
      return;
    }
    this.#diedUnused = this.#bytesReadBefore !== undefined && this.#request.socket?.bytesRead === this.#bytesReadBefore;
    this.fail(toRelayError(error));
  }

  #receive(message: IncomingMessage): void {
    this.#headReceived = true;
    message.on("error", (error) => this.#onBroken(error));
    message.on("close", () => this.#onBroken(undefined));
    const status = message.statusCode ?? 0;
    if (status < 200 || status > 599) return this.fail(invalidResponse("its status is outside 200 to 599"));
    try {
      const { lines, contentLength, isEndedByClose } = fromRawResponseHeaders(message.rawHeaders);
      const hasBody = this.#request.method !== "HEAD" && status !== 204 && status !== 304;
      if (!hasBody) this.#finishWithout(message, { status, headers: lines, body: null });
      else if (contentLength !== undefined && contentLength <= this.#context.inlineBodyLimitBytes) {
        this.#collect(message, { status, headers: lines }, contentLength);
      } else {
        this.#endedByClose = isEndedByClose;
        this.#stream(message, { status, headers: lines }, { length: contentLength });
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #finishWithout(message: IncomingMessage, response: RelayResponse): void {
    message.on("end", () => {
      this.#resolve(response);
      this.#finish();
    });
    message.resume();
  }

  /** A small body travels with its head, unless it takes its time: then what is there goes on at once. */
  #collect(message: IncomingMessage, head: Omit<RelayResponse, "body">, length: number): void {
    this.#deadlines.stop(this.#deadline);
    const collected = new CollectedBody();
    const onData = (chunk: Buffer) => collected.add(chunk);
    const patience = this.#patience = new Deadline(() => {
      message.off("data", onData);
      message.pause();
      this.#stream(message, head, { length, first: collected.toBytes() });
    });
    this.#patienceDeadlines.start(patience);
    message.on("data", onData);
    message.on("end", () => {
      if (this.#streamed !== undefined) return;
      if (!isComplete(message)) return this.#onBroken(undefined);
      this.#resolve({ ...head, body: collected.toBytes() });
      this.#finish();
    });
  }

  #stream(
    message: IncomingMessage,
    head: Omit<RelayResponse, "body">,
    { length, first }: { readonly length: number | undefined; readonly first?: Uint8Array<ArrayBuffer> },
  ): void {
    this.#deadlines.stop(this.#deadline);
    const streamed = this.#streamed = new StreamedBody(message, { first, onCancel: (reason) => this.fail(reason) });
    message.on("end", () => {
      // To the parser a reset ends such a body like any other close.
      const isReset = this.#endedByClose && this.#requestError !== undefined;
      if (isReset || !isComplete(message)) return this.#onBroken(undefined);
      streamed.end();
      this.#finish();
    });
    this.#resolve({ ...head, body: { stream: streamed.stream, ...(length === undefined ? {} : { length }) } });
  }

  #expire(): void {
    this.fail(
      this.#upload?.waitsForBody && !this.#headReceived
        ? new RelayError("request_timeout", "Cannot send request: its body stopped coming")
        : new RelayError("target_timeout", "Cannot call target: it did not answer in time"),
    );
  }

  #onBroken(error: Error | undefined): void {
    // "close" comes after a complete body too.
    if (!this.#over) this.fail(toRelayError(this.#requestError ?? error));
  }

  /** Ends the call. Without effect when it is over. */
  fail(reason: unknown): void {
    if (this.#over) return;
    this.#finish(reason);
    this.#streamed?.fail(reason);
    this.#reject(reason);
    this.#request.destroy();
  }

  /** Also stops an upload that the target did not wait for. */
  #finish(reason?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadlines.stop(this.#deadline);
    if (this.#patience !== undefined) this.#patienceDeadlines.stop(this.#patience);
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    this.#upload?.stop(reason);
    if (!this.#request.writableEnded) this.#request.destroy();
  }
}

/** A body's way into a request of `node:http`. */
class RequestSink implements UploadSink {
  readonly #request: ClientRequest;
  #wake: (() => void) | undefined;

  constructor(request: ClientRequest) {
    this.#request = request;
    request.on("drain", () => this.#wake?.());
    request.on("close", () => this.#wake?.());
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#request.write(bytes) || this.#request.destroyed) return undefined;
    return new Promise<void>((resolve) => this.#wake = resolve);
  }

  end(): void {
    this.#request.end();
  }
}

/** An executable may have been made with an older runtime, whose HTTP client takes no list of header names and values in turn. */
const IS_RECENT = Number(/^2\.(\d+)\./.exec(Deno.version.deno)?.[1] ?? Infinity) >= 9;

/** The older client does not say; but what breaks off is an error to it. */
function isComplete(message: IncomingMessage): boolean {
  return message.complete || !IS_RECENT;
}

function openRequest(wire: WireRequest): ClientRequest {
  const { origin, method } = wire;
  const options: RequestOptions = {
    agent: wire.agent,
    host: origin.hostname,
    port: origin.port,
    path: wire.path,
    method,
    setHost: false,
    maxHeaderSize: MAX_HEADER_SIZE_BYTES,
  };
  const open = origin.protocol === "https:" ? httpsRequest : httpRequest;
  if (origin.servername !== undefined) Object.assign(options, { servername: origin.servername });
  try {
    if (IS_RECENT && method === method.toUpperCase()) return open({ ...options, headers: wire.rawHeaders });
    // `node:http` makes methods upper case when it is created, and writes a header array at that moment.
    const request = open(options);
    request.method = method;
    for (let index = 0; index + 1 < wire.rawHeaders.length; index += 2) {
      request.appendHeader(wire.rawHeaders[index]!, wire.rawHeaders[index + 1]!);
    }
    return request;
  } catch (cause) {
    throw new RelayError("invalid_request", "Cannot send request: it cannot be written as HTTP/1.1", { cause });
  }
}

/** Says of a response that it is of no use. */
export function invalidResponse(reason: string): RelayError {
  return new RelayError("target_invalid_response", `Cannot read response: ${reason}`);
}

/** Translates an error of `node:http`, `node:net` or `node:tls`; without one, a body just stopped. */
function toRelayError(cause: Error | undefined): RelayError {
  const code = cause !== undefined && "code" in cause ? String(cause.code) : "connection closed";
  return code.startsWith("HPE_")
    ? new RelayError("target_invalid_response", `Cannot read response: it is no valid HTTP (${code})`, { cause })
    : new RelayError("target_unreachable", `Cannot reach target: ${code}`, { cause });
}
