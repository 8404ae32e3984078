/**
 * Requests and responses while interceptors change them.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import { type Body, type HeaderLines, isStreamBody } from "../../shared/http/message.ts";
import type { AcknowledgeMode } from "../persistence/schema.ts";
import { DEFAULT_MAX_BYTES, readBody } from "./body.ts";
import { checkBodyAllowed, checkRequestChanges, checkResponseChanges, toBody } from "./changes.ts";
import type {
  InterceptedRequest,
  InterceptedResponse,
  NewBody,
  ReadBodyOptions,
  RequestChanges,
  ResponseChanges,
} from "./interceptor.ts";

/** What a {@link RequestDraft} begins with. */
export interface RequestDraftOptions {
  readonly method: string;
  readonly target: string;
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Body;
  readonly isTraced: boolean;
  readonly acknowledgeMode?: AcknowledgeMode | undefined;
}

/** What a {@link ResponseDraft} begins with. */
export interface ResponseDraftOptions {
  readonly status: number;
  readonly headers: HeaderLines;
  readonly body: Body;
}

/** A request, as the last interceptor has left it. */
export class RequestDraft implements InterceptedRequest {
  method: string;
  target: string;
  path: string;
  headers: HeaderLines;
  body: Body;
  isTraced: boolean;
  acknowledgeMode: AcknowledgeMode | undefined;
  readonly #getSignal: () => AbortSignal;

  /** @param getSignal Gives what ends the reading of a body. */
  constructor(request: RequestDraftOptions, getSignal: () => AbortSignal) {
    this.method = request.method;
    this.target = request.target;
    this.path = request.path;
    this.headers = request.headers;
    this.body = request.body;
    this.isTraced = request.isTraced;
    this.acknowledgeMode = request.acknowledgeMode;
    this.#getSignal = getSignal;
  }

  header(name: string): string | undefined {
    return headerValue(this.headers, name.toLowerCase());
  }

  async readBody({ maxBytes = DEFAULT_MAX_BYTES }: ReadBodyOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const tooLarge = () => new RelayError("body_too_large", `The body exceeds ${maxBytes} bytes`);
    const bytes = await readBody(this.body, { maxBytes, signal: this.#getSignal(), tooLarge });
    if (this.body !== null) this.body = bytes;
    return bytes;
  }

  /** @throws {TypeError} When they make no sense. */
  apply(changes: RequestChanges): void {
    const { method, target, path, headers, body, isTraced, acknowledgeMode, answer } = checkRequestChanges(changes);
    this.method = method ?? this.method;
    this.target = target ?? this.target;
    this.path = path ?? this.path;
    if (headers !== undefined) this.headers = withoutLength(headers);
    this.isTraced = isTraced ?? this.isTraced;
    this.acknowledgeMode = acknowledgeMode ?? this.acknowledgeMode;
    this.body = nextBody(this.body, body, { isNeeded: answer === undefined || changes.deliver === true });
  }
}

/** A response, as the last interceptor has left it. */
export class ResponseDraft implements InterceptedResponse {
  status: number;
  headers: HeaderLines;
  body: Body;
  readonly request: Omit<InterceptedRequest, "body" | "readBody">;
  readonly #method: string;
  readonly #getSignal: () => AbortSignal;

  /** @param options `request` as it went to the target, `method` of the client, `getSignal` gives what ends the reading of a body. */
  constructor(
    { status, headers, body }: ResponseDraftOptions,
    options: {
      readonly request: InterceptedResponse["request"];
      readonly method: string;
      readonly getSignal: () => AbortSignal;
    },
  ) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.request = options.request;
    this.#method = options.method;
    this.#getSignal = options.getSignal;
  }

  header(name: string): string | undefined {
    return headerValue(this.headers, name.toLowerCase());
  }

  async readBody({ maxBytes = DEFAULT_MAX_BYTES }: ReadBodyOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const tooLarge = () => new RangeError(`Cannot read body: it exceeds ${maxBytes} bytes`);
    const bytes = await readBody(this.body, { maxBytes, signal: this.#getSignal(), tooLarge });
    if (this.body !== null) this.body = bytes;
    return bytes;
  }

  /** @throws {TypeError} When they make no sense. */
  apply(changes: ResponseChanges): void {
    const { status, headers, body } = checkResponseChanges(changes);
    this.status = status ?? this.status;
    this.headers = headers ?? this.headers;
    this.body = nextBody(this.body, body, { isNeeded: true });
    if (status === undefined && body === undefined) return;
    checkBodyAllowed(this.body, { status: this.status, method: this.#method });
  }
}

/** The body from now on. What nobody will read is given up. */
function nextBody(old: Body, given: NewBody | undefined, { isNeeded }: { readonly isNeeded: boolean }): Body {
  const isTaken = isStreamBody(old) && old.stream.locked;
  if (given === undefined) {
    if (isTaken && isNeeded) throw new TypeError("body must be given by an interceptor that reads the stream itself");
    return old;
  }
  const body = toBody(given);
  const isKept = isStreamBody(old) && isStreamBody(body) && old.stream === body.stream;
  if (isStreamBody(old) && !isTaken && !isKept) old.stream.cancel().catch(() => {});
  return body;
}

/** It follows from the body. */
function withoutLength(headers: HeaderLines): HeaderLines {
  return headers.filter(([name]) => name.toLowerCase() !== "content-length");
}
