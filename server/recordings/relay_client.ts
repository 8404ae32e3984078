/**
 * Sends requests through the relay for those who look after it, and measures where their time goes.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, type HeaderLines, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { RequestSender, RequestTimes, SentAnswer, SentRequest } from "../management/request_sender.ts";
import type { ListenerBody, ListenerRequest } from "../listener/listener.ts";
import type { HandleOptions } from "../relay/handle_options.ts";
import type { RelayedRequest } from "../relay/observer.ts";

/** The relay, as far as it is needed to send requests. */
export interface RequestHandler {
  handle(request: ListenerRequest, options: HandleOptions): Promise<RelayResponse>;
}

/** How a {@link RelayClient} works. */
export interface RelayClientOptions {
  /** What is kept of an answer's body at most, in bytes. */
  readonly maxBodyBytes: number;
  /** How long an answer's body may take, in milliseconds; what has not come by then is left out. */
  readonly bodyTimeoutMs: number;
}

/** A client of the relay inside the server. */
export class RelayClient implements RequestSender {
  readonly #relay: () => RequestHandler;
  readonly #options: RelayClientOptions;

  /** @param relay The relay, once there is one. */
  constructor(relay: () => RequestHandler, options: RelayClientOptions) {
    this.#relay = relay;
    this.#options = options;
  }

  /** Sends a request and reads the answer. Whatever happens to the request is an answer. */
  async send(request: SentRequest, { signal }: { readonly signal: AbortSignal }): Promise<SentAnswer> {
    const leaving = new AbortController();
    const observed = new ObservedRequest();
    const incoming = toListenerRequest(request, AbortSignal.any([signal, leaving.signal]));
    const response = await this.#relay().handle(incoming, { operator: observed });
    const headAt = performance.now();
    const received = await this.#receive(response.body);
    if (!received.isComplete) leaving.abort();
    const endedAt = performance.now();
    const { requestId, errorCode = null } = await observed.over;
    const { status, headers } = response;
    const times = observed.times({ headAt, endedAt });
    return { requestId, status, headers, ...received, errorCode, times, connection: observed.connection };
  }

  async #receive(body: Body): Promise<Pick<SentAnswer, "body" | "sizeBytes" | "isCut" | "isComplete">> {
    if (!isStreamBody(body)) {
      const bytes = body ?? new Uint8Array();
      const kept = bytes.slice(0, this.#options.maxBodyBytes);
      return { body: kept, sizeBytes: bytes.length, isCut: kept.length < bytes.length, isComplete: true };
    }
    const { maxBodyBytes, bodyTimeoutMs } = this.#options;
    return await readBeginning(body.stream, { maxBytes: maxBodyBytes, timeoutMs: bodyTimeoutMs });
  }
}

/** Hears what becomes of a request. */
class ObservedRequest {
  readonly #startedAt = performance.now();
  readonly #over = Promise.withResolvers<RelayedRequest>();
  #response: DispatchedResponse | undefined;

  /** Resolves when it is over. */
  get over(): Promise<RelayedRequest> {
    return this.#over.promise;
  }

  /** Who has brought the answer. */
  get connection(): SentAnswer["connection"] {
    if (this.#response === undefined) return null;
    const { id, connector: { machineName, version } } = this.#response.connection;
    return { id, machineName, version };
  }

  answered(response: DispatchedResponse): void {
    this.#response = response;
  }

  ended(request: RelayedRequest): void {
    this.#over.resolve(request);
  }

  /** Where the time went. */
  times({ headAt, endedAt }: { readonly headAt: number; readonly endedAt: number }): RequestTimes {
    const { deliveredAt, targetMs = null } = this.#response ?? {};
    const isMeasured = deliveredAt !== undefined && targetMs !== null;
    return {
      waitMs: deliveredAt === undefined ? null : deliveredAt - this.#startedAt,
      tunnelMs: isMeasured ? Math.max(0, headAt - deliveredAt - targetMs) : null,
      targetMs,
      bodyMs: endedAt - headAt,
      totalMs: endedAt - this.#startedAt,
    };
  }
}

function toListenerRequest(
  { tenantName, target, method, path, headers, body, host, clientAddress }: SentRequest,
  signal: AbortSignal,
): ListenerRequest {
  const others = headers.filter(([name]) => !/^(?:host|content-length)$/i.test(name));
  const length: HeaderLines = body === null ? [] : [["Content-Length", String(body.length)]];
  return {
    method,
    target: `/relay/${tenantName}/${target}${path}`,
    host,
    headers: [["Host", host], ...others, ...length],
    body: body && bodyOf(body),
    peerAddress: clientAddress,
    signal,
    toRequest() {
      throw new RelayError("not_found", "There is nothing at this address");
    },
  };
}

function bodyOf(bytes: Uint8Array): ListenerBody {
  return {
    length: bytes.length,
    bytes: () => Promise.resolve(bytes.slice()),
    stream: () =>
      new ReadableStream({
        pull(controller) {
          controller.enqueue(bytes.slice());
          controller.close();
        },
      }, { highWaterMark: 0 }),
  };
}

/** Reads as much as is wanted, and gives up the rest. */
async function readBeginning(
  stream: ReadableStream<Uint8Array>,
  { maxBytes, timeoutMs }: { readonly maxBytes: number; readonly timeoutMs: number },
) {
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  let isComplete = false;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, timeoutMs);
  try {
    while (sizeBytes <= maxBytes) {
      const { done, value } = await reader.read();
      // A stream that was cancelled ends as one that is complete.
      if (done) isComplete = !isLate;
      if (done) break;
      parts.push(value);
      sizeBytes += value.length;
    }
  } catch {
    // It broke off: what came before is worth showing, and that it is not complete is told.
  } finally {
    clearTimeout(timer);
    if (!isComplete) await reader.cancel().catch(() => {});
  }
  const body = new Uint8Array(Math.min(sizeBytes, maxBytes));
  let offset = 0;
  for (const part of parts) {
    const piece = part.subarray(0, body.length - offset);
    body.set(piece, offset);
    offset += piece.length;
  }
  return { body, sizeBytes, isCut: sizeBytes > maxBytes, isComplete };
}
