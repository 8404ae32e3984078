/**
 * One request while it is recorded.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { ALWAYS_MASKED_HEADERS, maskHeaders, maskText } from "../../shared/http/masking.ts";
import type { Body, HeaderLines, RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import type {
  ActiveRecording,
  NewRecordedRequest,
  RecordedBody,
  RecordedHead,
  RecordedResponseHead,
} from "../persistence/mod.ts";
import type { RelayedRequest } from "../relay/observer.ts";
import type { ExchangeTap, TappedRequest } from "../relay/tap.ts";
import { BodyCapture, type MemoryBudget } from "./body_capture.ts";
import { maskBody } from "./mask_body.ts";

/** What a {@link RecordedExchange} is told. */
export interface RecordedExchangeOptions {
  /** The recordings that may want it; which do is known when its status is. */
  readonly recordings: readonly ActiveRecording[];
  readonly maxBodyBytes: number;
  readonly budget: MemoryBudget;
  /** Called when it is over. */
  readonly ended: (exchange: RecordedExchange, request: RelayedRequest) => void;
}

interface Captured<H> {
  readonly head: H;
  readonly capture: BodyCapture | null;
}

interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderLines;
}

interface ResponseHead {
  readonly status: number;
  readonly headers: HeaderLines;
}

/** Keeps what a client and a target send each other. What passes both of them unchanged is kept once. */
export class RecordedExchange implements ExchangeTap {
  readonly recordings: readonly ActiveRecording[];
  readonly #options: RecordedExchangeOptions;
  readonly #limitBytes: number;
  readonly #path: string;
  readonly #captures: BodyCapture[] = [];
  #clientRequest: Captured<RequestHead>;
  #targetRequest: Captured<RequestHead> | null = null;
  #targetResponse: Captured<ResponseHead> | null = null;
  #clientResponse: Captured<ResponseHead> | null = null;
  /** The bodies that were given on, by which those are known again that nobody has replaced. */
  #requestBody: Body = null;
  #responseBody: Body = null;

  constructor({ request: { method, target, headers }, path }: TappedRequest, options: RecordedExchangeOptions) {
    this.#options = options;
    this.recordings = options.recordings;
    this.#limitBytes = options.recordings.some(({ filter }) => filter.recordsBodies) ? options.maxBodyBytes : 0;
    this.#path = path;
    this.#clientRequest = { head: { method, path: target, headers: [...headers] }, capture: null };
  }

  clientBody(body: Body): Body {
    const capture = this.#capture(body);
    this.#clientRequest = { head: this.#clientRequest.head, capture };
    return this.#requestBody = capture === null ? body : capture.through(body);
  }

  targetRequest({ method, path, headers, body }: RelayRequest): Body {
    const head = { method, path, headers: [...headers] };
    if (body === this.#requestBody) {
      this.#targetRequest = { head, capture: this.#clientRequest.capture };
      return body;
    }
    const capture = this.#capture(body);
    this.#targetRequest = { head, capture };
    return capture === null ? body : capture.through(body);
  }

  targetResponse({ status, headers, body }: RelayResponse): Body {
    const capture = this.#capture(body);
    this.#targetResponse = { head: { status, headers: [...headers] }, capture };
    return this.#responseBody = capture === null ? body : capture.through(body);
  }

  clientResponse({ status, headers, body }: RelayResponse): Body {
    const head = { status, headers: [...headers] };
    if (this.#targetResponse !== null && body === this.#responseBody) {
      this.#clientResponse = { head, capture: this.#targetResponse.capture };
      return body;
    }
    const capture = this.#capture(body);
    this.#clientResponse = { head, capture };
    return capture === null ? body : capture.through(body);
  }

  ended(request: RelayedRequest): void {
    this.#options.ended(this, request);
  }

  /** Forgets the bodies. */
  release(): void {
    for (const capture of this.#captures) capture.release();
  }

  /** What is to be stored in one of the recordings, masked. */
  rowFor({ filter }: ActiveRecording, request: RelayedRequest): NewRecordedRequest {
    const chosen = new Set(filter.maskHeaders);
    const masked = new Set<string>();
    const isMasked = (name: string) => {
      const is = ALWAYS_MASKED_HEADERS.has(name) || chosen.has(name);
      if (is) masked.add(name);
      return is;
    };
    const shown: Shown = { isMasked, showsBodies: filter.recordsBodies };
    const messages = {
      clientRequest: requestOf(this.#clientRequest, shown),
      targetRequest: this.#targetRequest && requestOf(this.#targetRequest, shown),
      targetResponse: this.#targetResponse && responseOf(this.#targetResponse, shown),
      clientResponse: this.#clientResponse && responseOf(this.#clientResponse, shown),
    };
    return {
      id: crypto.randomUUID(),
      requestId: request.requestId,
      originId: request.originId,
      startedAt: request.startedAtMs,
      durationMs: request.durationMs,
      target: request.target,
      method: request.method,
      path: maskText(this.#path),
      clientAddress: request.clientAddress,
      status: request.status,
      outcome: request.outcome,
      errorCode: request.errorCode ?? null,
      messages: { ...messages, maskedHeaders: [...masked] },
    };
  }

  #capture(body: Body): BodyCapture | null {
    if (body === null) return null;
    const capture = new BodyCapture(this.#limitBytes, this.#options.budget);
    this.#captures.push(capture);
    return capture;
  }
}

interface Shown {
  readonly isMasked: (name: string) => boolean;
  readonly showsBodies: boolean;
}

function requestOf({ head, capture }: Captured<RequestHead>, shown: Shown): RecordedHead {
  const { method, path, headers } = head;
  return {
    method,
    path: maskText(path),
    headers: maskHeaders(headers, shown.isMasked),
    body: bodyOf(capture, shown),
  };
}

function responseOf({ head, capture }: Captured<ResponseHead>, shown: Shown): RecordedResponseHead {
  const { status, headers } = head;
  return { status, headers: maskHeaders(headers, shown.isMasked), body: bodyOf(capture, shown) };
}

function bodyOf(capture: BodyCapture | null, { showsBodies }: Shown): RecordedBody | null {
  if (capture === null) return null;
  const { sizeBytes, isComplete } = capture;
  if (!showsBodies) return { base64: "", sizeBytes, isCut: sizeBytes > 0, isComplete };
  const base64 = Buffer.from(maskBody(capture.bytes)).toString("base64");
  return { base64, sizeBytes, isCut: capture.isCut, isComplete };
}
