/**
 * Requests and responses on their way through the interceptors of the server.
 *
 * @module
 */

import { type Body, type HeaderLine, type HeaderLines, isStreamBody } from "../../shared/http/message.ts";
import type { Tenant } from "../persistence/tenants.ts";
import {
  Interception,
  type InterceptorAnswer,
  type Interceptors,
  RequestDraft,
  type RequestDraftOptions,
} from "../interceptors/mod.ts";
import type { Exchange } from "./exchange.ts";
import { countBody, giveUpBody } from "./response_body.ts";
import { type ClientResponse, withClientHeaders } from "./response_head.ts";

/** A request on its way to its target. Its headers are nobody else's. */
export interface OutgoingRequest extends RequestDraftOptions {
  readonly headers: HeaderLine[];
}

/** A request that interceptors have seen, and what they need for its response. */
export interface InterceptedExchange {
  readonly request: OutgoingRequest;
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
  request: OutgoingRequest,
  { exchange, tenant }: { readonly exchange: Exchange; readonly tenant: Tenant },
): Promise<InterceptedExchange> {
  const { requestId, clientAddress, hop, request: { signal, method } } = exchange;
  const interception = new Interception({
    tenant: { id: tenant.id, name: tenant.name },
    requestId,
    clientAddress,
    hop,
    method,
    signal,
  });
  const draft = new RequestDraft(request, () => interception.signal);
  const answer = await interceptors.interceptRequest(draft, interception);
  const { method: sentMethod, target, path, isTraced, acknowledgeMode } = draft;
  const isDropped = answer !== undefined && !answer.isDelivered;
  if (isDropped) {
    exchange.relayedRequestBytes = 0;
    giveUpBody(draft.body);
  }
  const body = isDropped ? null : countChanged(draft.body, request.body, exchange);
  const headers = [...draft.headers];
  const sent = { method: sentMethod, target, path, headers, body, isTraced, acknowledgeMode };
  return { request: sent, answer, interception };
}

/** The target gets another number of bytes than the client has sent only when interceptors have changed the body. */
function countChanged(body: Body, original: Body, exchange: Exchange): Body {
  if (body === original) return body;
  exchange.relayedRequestBytes = isStreamBody(body) ? 0 : body?.length ?? 0;
  return isStreamBody(body) ? countBody(body, (bytes) => exchange.relayedRequestBytes = bytes) : body;
}

/**
 * Lets interceptors see a response.
 *
 * @param response With the headers that the client is to get.
 * @throws {RelayError} When one of them failed, or the client has left.
 */
export async function interceptResponse(
  interceptors: Interceptors,
  { status, headers, body }: ClientResponse,
  { exchange, intercepted }: { readonly exchange: Exchange; readonly intercepted: InterceptedExchange },
): Promise<ClientResponse> {
  exchange.responseBytes = isStreamBody(body) ? 0 : body?.length ?? 0;
  const { request, interception } = intercepted;
  const { method, target, path, isTraced } = request;
  const counted = isStreamBody(body) ? countBody(body, (bytes) => exchange.responseBytes = bytes) : body;
  const seen = { method, target, path, headers: request.headers, isTraced, header: headerOf(request.headers) };
  const response = await interceptors.interceptResponse({ status, headers, body: counted }, seen, interception);
  return withClientHeaders(response, exchange.request.method);
}

function headerOf(headers: HeaderLines): (name: string) => string | undefined {
  return (name) => headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}
