/**
 * The target that is a function in this process: a handler of `Request` and `Response`, so that the `fetch` of a Hono app is a target.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type Body,
  type HeaderLines,
  isStreamBody,
  type RelayRequest,
  type RelayResponse,
} from "../../shared/http/message.ts";
import { HOP_BY_HOP } from "../../shared/http/headers.ts";
import { hasDotSegments } from "../../shared/http/path.ts";
import { readFetchBody } from "./fetch_body.ts";
import { refuseUpgrade, type Target, type TargetContext } from "./target.ts";

/** What a handler learns beside the request. */
export interface FetchHandlerContext {
  /** Name of the target as the client spelled it. */
  readonly target: string;
  /** UUID of the request, the same through every delivery. */
  readonly requestId: string;
}

/**
 * An application in this process. Its requests have the URL `http://target.invalid` followed by the relayed path and query; the client's
 * `Host` is in the headers. `request.signal` aborts when the client left or the time is over.
 */
export type FetchHandler = (request: Request, context: FetchHandlerContext) => Response | Promise<Response>;

/** How a {@linkcode FetchHandlerTarget} calls its handler. */
export interface FetchHandlerTargetOptions {
  /** Until the handler returns its response, in milliseconds; 100,000 when absent. */
  readonly timeoutMs?: number | undefined;
}

const BASE_URL = "http://target.invalid";
const DEFAULT_TIMEOUT_MS = 100_000;
/** Bytes that a URL parser would change, and `#`, which would end the path there. */
const NOT_IN_URL = /[^!"$-~]/g;
const CONTROL_CHARACTER = /[^\t\x20-\x7e\x80-\xff]/;
const NO_CONTENT_STATUS = new Set([204, 205, 304]);
/**
 * Calls a handler in this process.
 *
 * @example
 * ```ts
 * const target = new FetchHandlerTarget(() => new Response("Hello"));
 * ```
 */
export class FetchHandlerTarget implements Target {
  readonly #handler: FetchHandler;
  readonly #timeoutMs: number;

  constructor(handler: FetchHandler, options: FetchHandlerTargetOptions = {}) {
    this.#handler = handler;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  /**
   * {@inheritDoc Target.handle}
   *
   * An exception of the handler is no response, like a program that crashes under a request: `target_unreachable`, and with the acknowledge
   * mode `connectorFinished` the request is delivered again.
   */
  async handle(request: RelayRequest, context: TargetContext): Promise<RelayResponse> {
    refuseUpgrade(request);
    const call = new AbortController();
    const onAbort = () => call.abort(context.signal.reason);
    const timer = setTimeout(() => {
      call.abort(new RelayError("target_timeout", "Cannot call target: it did not answer in time"));
    }, this.#timeoutMs);
    context.signal.addEventListener("abort", onAbort);
    const end = () => {
      context.signal.removeEventListener("abort", onAbort);
      discardUnread(request.body);
    };
    try {
      context.signal.throwIfAborted();
      const relayed = await orAborted(this.#answer(request, { context, signal: call.signal }), call.signal);
      if (isStreamBody(relayed.body)) {
        return { ...relayed, body: abortable(relayed.body, { signal: call.signal, end }) };
      }
      end();
      return relayed;
    } catch (error) {
      end();
      call.abort(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #answer(
    request: RelayRequest,
    call: { readonly context: TargetContext; readonly signal: AbortSignal },
  ): Promise<RelayResponse> {
    const { target, requestId } = request;
    const fetchRequest = toRequest(request, call.signal);
    let response: Response;
    try {
      response = await this.#handler(fetchRequest, { target, requestId });
    } catch (cause) {
      if (cause instanceof RelayError) throw cause;
      throw new RelayError("target_unreachable", "Cannot call target: its handler threw an error", { cause });
    }
    return await toRelayResponse(response, { request, ...call });
  }
}

/** Does not leave it to the handler to mind the signal. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function toRequest(request: RelayRequest, signal: AbortSignal): Request {
  const { method, path, headers } = request;
  if (hasDotSegments(path)) {
    throw new RelayError("invalid_request", "Cannot call target: the path holds a dot segment");
  }
  const body = request.body instanceof Uint8Array && request.body.byteLength === 0 ? null : request.body;
  const url = BASE_URL + path.replace(NOT_IN_URL, escapeByte);
  const init: RequestInit & { duplex?: "half" } = {
    method,
    signal,
    body: isStreamBody(body) ? body.stream : toBodyInit(body),
  };
  if (isStreamBody(body)) init.duplex = "half";
  try {
    init.headers = headers.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase())).map((
      [name, value],
    ) => [name, value]);
    return new Request(url, init);
  } catch (cause) {
    throw new RelayError("invalid_request", "Cannot call target: a target in this process takes no such request", {
      cause,
    });
  }
}

function toBodyInit(body: Uint8Array | null): Uint8Array<ArrayBuffer> | null {
  return body === null ? null : new Uint8Array(body);
}

/** The path is a byte string; a URL keeps other bytes than printable ASCII only when they are escaped. */
function escapeByte(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

async function toRelayResponse(
  response: unknown,
  call: { readonly request: RelayRequest; readonly context: TargetContext; readonly signal: AbortSignal },
): Promise<RelayResponse> {
  if (!(response instanceof Response)) throw invalidResponse("the handler returned no Response");
  const { status, body } = response;
  if (status < 200 || status > 599) throw invalidResponse("its status is outside 200 to 599");
  const headers = toHeaderLines(response.headers);
  if (body === null) return { status, headers, body };
  if (body.locked) throw invalidResponse("its body was read already");
  if (call.request.method === "HEAD" || NO_CONTENT_STATUS.has(status)) {
    await body.cancel();
    return { status, headers, body: null };
  }
  const { signal, context: { inlineBodyLimitBytes } } = call;
  return {
    status,
    headers,
    body: await readFetchBody(body, { length: lengthOf(response.headers), inlineBodyLimitBytes, signal }),
  };
}

/** `Headers` takes control characters, which end the server's process when it writes them. */
function toHeaderLines(headers: Headers): HeaderLines {
  const lines = [...headers].filter(([name]) => !HOP_BY_HOP.has(name));
  if (lines.some(([, value]) => CONTROL_CHARACTER.test(value))) {
    throw invalidResponse("a header holds a control character");
  }
  return lines;
}

function lengthOf(headers: Headers): number | undefined {
  const length = headers.get("content-length");
  if (length === null) return undefined;
  if (!/^\d{1,15}$/.test(length)) throw invalidResponse("its Content-Length is no number");
  return Number(length);
}

/** A body that errors when the call is aborted, whether or not the handler minds the signal. */
function abortable(
  body: Exclude<Body, Uint8Array | null>,
  call: { readonly signal: AbortSignal; readonly end: () => void },
): Body {
  const { signal, end } = call;
  const reader = body.stream.getReader();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      signal.addEventListener("abort", () => {
        end();
        controller.error(signal.reason);
        reader.cancel(signal.reason).catch(() => {});
      }, { once: true });
    },
    async pull(controller) {
      const { value } = await reader.read().catch((error) => {
        end();
        throw error;
      });
      if (signal.aborted) return;
      if (value !== undefined) return controller.enqueue(value);
      end();
      controller.close();
    },
    cancel(reason) {
      end();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return { ...body, stream };
}

/** A handler that answers without reading the request's body will not read it later. */
function discardUnread(body: Body): void {
  if (isStreamBody(body) && !body.stream.locked) body.stream.cancel().catch(() => {});
}

function invalidResponse(reason: string): RelayError {
  return new RelayError("target_invalid_response", `Cannot read response: ${reason}`);
}
