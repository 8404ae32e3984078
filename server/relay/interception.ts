/**
 * Requests and responses on their way through the interceptors of the server.
 *
 * @module
 */

import { type Body, type HeaderLines, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";
import type { Tenant } from "../persistence/tenants.ts";
import {
  Interception,
  type InterceptorAnswer,
  type Interceptors,
  RequestDraft,
  type RequestDraftOptions,
} from "../interceptors/mod.ts";
import type { Exchange } from "./exchange.ts";
import { countBody, type ResponseBodyLimits, watchBody } from "./response_body.ts";
import { responseHeaders } from "./response_head.ts";

/** A request that interceptors have seen, and what they need for its response. */
export interface InterceptedExchange {
  readonly request: RequestDraftOptions;
  /** Set when one of them has answered. */
  readonly answer?: InterceptorAnswer | undefined;
  /** How to show them the response. */
  readonly interception: Interception;
}

/**
 * Lets interceptors see a request.
 *
 * @throws {RelayError} When one of them failed, or the client has left.
 */
export async function interceptRequest(
  interceptors: Interceptors,
  request: RequestDraftOptions,
  { exchange, tenant }: { readonly exchange: Exchange; readonly tenant: Tenant },
): Promise<InterceptedExchange> {
  const { requestId, clientAddress, hop, request: { signal, method } } = exchange;
  const interception = new Interception({ tenant, requestId, clientAddress, hop, method, signal });
  const draft = new RequestDraft(request, () => interception.signal);
  const answer = await interceptors.interceptRequest(draft, interception);
  const { body } = draft;
  if (answer !== undefined && !answer.isDelivered) {
    exchange.relayedRequestBytes = 0;
    giveUp(body);
    return { request: draft, answer, interception };
  }
  if (body === request.body) return { request: draft, answer, interception };
  if (!isStreamBody(body)) {
    exchange.relayedRequestBytes = body?.length ?? 0;
    return { request: draft, answer, interception };
  }
  exchange.relayedRequestBytes = 0;
  draft.body = countBody(body, (bytes) => exchange.relayedRequestBytes = bytes);
  return { request: draft, answer, interception };
}

/**
 * Lets interceptors see a response.
 *
 * @param response With the headers that the client is to get.
 * @throws {RelayError} When one of them failed, or the client has left.
 */
export async function interceptResponse(
  interceptors: Interceptors,
  { status, headers, body }: RelayResponse,
  { exchange, intercepted, limits }: {
    readonly exchange: Exchange;
    readonly intercepted: InterceptedExchange;
    readonly limits: ResponseBodyLimits;
  },
): Promise<RelayResponse> {
  exchange.responseBytes = isStreamBody(body) ? 0 : body?.length ?? 0;
  const { request, interception } = intercepted;
  const { method, target, path, isTraced } = request;
  const watched = isStreamBody(body)
    ? { ...body, stream: watchBody(body, limits, (bytes) => exchange.responseBytes = bytes) }
    : body;
  const seen = { method, target, path, headers: request.headers, isTraced, header: headerOf(request.headers) };
  const response = await interceptors.interceptResponse({ status, headers, body: watched }, seen, interception);
  return { ...response, headers: responseHeaders(response, exchange.request.method), body: response.body };
}

/** Says that nobody will read a body. */
export function giveUp(body: Body): void {
  if (isStreamBody(body) && !body.stream.locked) body.stream.cancel().catch(() => {});
}

function headerOf(headers: HeaderLines): (name: string) => string | undefined {
  return (name) => headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
