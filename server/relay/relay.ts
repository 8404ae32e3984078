/**
 * The relay itself: a client's request in, the target's response out.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { endToEndHeaders } from "../../shared/http/headers.ts";
import {
  type Body,
  type HeaderLine,
  isStreamBody,
  type RelayRequest,
  type RelayResponse,
} from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/logger.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import type { TokenVerifier } from "../auth/token_verifier.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import type { TenantSource } from "../persistence/tenant_cache.ts";
import type { Tenant } from "../persistence/tenants.ts";
import { type AddressReader, parseAddress, type RelayAddress } from "./address.ts";
import type { Admission } from "./admission.ts";
import { authenticateClient, isPreflight } from "./client_authentication.ts";
import { withoutSharedCookies } from "./cookies.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { Expiration } from "./expiration.ts";
import { answerFailure, statusOf, toRelayError } from "./failure.ts";
import { forwardedHeaders, isForwardingHeader, type IsTrustedProxy } from "./forwarded.ts";
import type { RelayObserver } from "./observer.ts";
import { type RequestBodyLimits, takeBody } from "./request_body.ts";
import { type ResponseBodyLimits, watchBody } from "./response_body.ts";
import { responseHeaders } from "./response_head.ts";
import { clientTracing, type ServerFacts, targetTracing } from "./tracing.ts";

const logger = getLogger("relay");

/** What the relay is configured with. */
export interface RelayOptions {
  readonly server: ServerFacts;
  readonly requestBody: RequestBodyLimits;
  readonly responseBody: ResponseBodyLimits;
  /** Time until the head of the response, in milliseconds, not counting while the request's body flows. */
  readonly requestExpirationMs: number;
  /** What tenants have that say nothing else. */
  readonly requireActiveConnection: boolean;
  readonly isTraceEndpointOn: boolean;
  /** Scheme of the public listener. */
  readonly scheme: "http" | "https";
  readonly isTrustedProxy: IsTrustedProxy;
}

/** What the relay works with. */
export interface RelayParts {
  readonly tenants: TenantSource;
  readonly dispatcher: Dispatcher;
  readonly admission: Admission;
  readonly verifier: TokenVerifier;
  /** All of them hear of every request. */
  readonly observers: readonly RelayObserver[];
}

/** Serves `/relay`, `/trace` and the hosts of targets. */
export class Relay implements Disposable {
  readonly #parts: RelayParts;
  readonly #options: RelayOptions;
  readonly #deadlines: Deadlines;
  readonly #exchangeOptions: ExchangeOptions;

  constructor(parts: RelayParts, options: RelayOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#deadlines = new Deadlines(options.requestExpirationMs);
    this.#exchangeOptions = { originId: options.server.originId, isTrustedProxy: options.isTrustedProxy };
  }

  /** Stops its timers. Requests under way do not expire any more. */
  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
  }

  /**
   * Answers a request. Never rejects.
   *
   * @param readAddress Says whom it is for; without it the path does.
   */
  async handle(request: ListenerRequest, readAddress: AddressReader = parseAddress): Promise<RelayResponse> {
    const exchange = new Exchange(request, this.#exchangeOptions);
    let admittedTenantId: string | undefined;
    const ended = (status: number, error?: RelayError) => {
      if (admittedTenantId !== undefined) this.#parts.admission.leave(admittedTenantId);
      const record = exchange.record(status, error);
      for (const observer of this.#parts.observers) observer.requestEnded(record);
    };
    try {
      const address = this.#checkRoute(readAddress(request));
      exchange.address = address;
      const tenant = await this.#tenantOf(address);
      exchange.tenant = tenant;
      this.#parts.admission.enter(tenant.id);
      admittedTenantId = tenant.id;
      const isTraced = address.route === "trace" || tenant.enableTracing === true;
      const response = await this.#relay(exchange, address, tenant, isTraced);
      return this.#answer(exchange, response, { isTraced, ended });
    } catch (cause) {
      const error = toRelayError(cause);
      ended(statusOf(error.code), error);
      if (error.code === "internal_error") logUnforeseen(cause, exchange);
      return answerFailure(error, exchange.requestId);
    }
  }

  #checkRoute(address: RelayAddress): RelayAddress {
    if (address.route === "trace" && !this.#options.isTraceEndpointOn) {
      throw new RelayError("not_found", "Tracing is turned off");
    }
    return address;
  }

  async #tenantOf(address: RelayAddress): Promise<Tenant> {
    const tenant = await this.#parts.tenants.findByName(address.tenant);
    if (tenant === undefined) throw new RelayError("tenant_unknown", "There is no such tenant");
    if (!tenant.enabled) throw new RelayError("tenant_disabled", "The tenant is disabled");
    return tenant;
  }

  async #relay(
    exchange: Exchange,
    address: RelayAddress,
    tenant: Tenant,
    isTraced: boolean,
  ): Promise<DispatchedResponse> {
    const { request, requestId } = exchange;
    let consumedHeader: string | undefined;
    if (tenant.requireAuthentication && !isPreflight(request.method, request.headers)) {
      consumedHeader = await authenticateClient(request.headers, tenant, this.#parts.verifier);
    }
    using expiration = new Expiration(this.#deadlines);
    const body = await takeBody(request.body, this.#options.requestBody, (bytes) => {
      exchange.requestBytes += bytes;
      expiration.extend();
    });
    const relayed: RelayRequest = {
      requestId,
      method: request.method,
      target: address.target,
      path: address.path,
      headers: this.#requestHeaders(exchange, { body, consumedHeader, isTraced }),
      body,
    };
    const dispatch = this.#parts.dispatcher.dispatch(tenant.id, relayed, {
      trace: isTraced,
      expiresInMs: this.#options.requestExpirationMs,
      requireActiveConnection: tenant.requireActiveConnection ?? this.#options.requireActiveConnection,
    });
    expiration.start(() => dispatch.cancel("expired"));
    if (request.signal.aborted) dispatch.cancel("client_gone");
    else request.signal.addEventListener("abort", () => dispatch.cancel("client_gone"), { once: true });
    return await dispatch.response;
  }

  #requestHeaders(
    { request, requestId }: Exchange,
    { body, consumedHeader, isTraced }: { body: Body; consumedHeader: string | undefined; isTraced: boolean },
  ): HeaderLine[] {
    const { isTrustedProxy, scheme, server } = this.#options;
    const headers = endToEndHeaders(
      request.headers,
      (name) => isForwardingHeader(name) || name === consumedHeader || name === "expect" || name === "content-length",
    );
    headers.push(
      ...forwardedHeaders(
        request.headers,
        { peerAddress: request.peerAddress, host: request.host, scheme },
        isTrustedProxy,
      ),
    );
    if (isTraced) headers.push(...targetTracing(requestId, server));
    else if (!isStreamBody(body)) headers.push(["RelayServer-RequestId", requestId]);
    return headers;
  }

  #answer(
    exchange: Exchange,
    response: DispatchedResponse,
    { isTraced, ended }: { isTraced: boolean; ended: (status: number, error?: RelayError) => void },
  ): RelayResponse {
    const { status, body } = response;
    exchange.connectionId = response.connection.id;
    const headers = this.#responseHeaders(exchange, response);
    if (isTraced) headers.push(...clientTracing(exchange.requestId, this.#options.server, response));
    if (!isStreamBody(body)) {
      exchange.responseBytes = body?.length ?? 0;
      ended(status);
      return { status, headers, body };
    }
    const stream = watchBody(body, this.#options.responseBody, (bytes, error) => {
      exchange.responseBytes = bytes;
      ended(status, error);
    });
    return { status, headers, body: body.length === undefined ? { stream } : { stream, length: body.length } };
  }

  #responseHeaders({ request, address }: Exchange, response: DispatchedResponse): HeaderLine[] {
    try {
      const headers = responseHeaders(response, request.method);
      return address?.baseDomain === undefined ? headers : withoutSharedCookies(headers, address.baseDomain);
    } catch (error) {
      if (isStreamBody(response.body)) response.body.stream.cancel(error).catch(() => {});
      throw error;
    }
  }
}

/** The client learns only that it happened. */
function logUnforeseen(error: unknown, { requestId, tenant }: Exchange): void {
  logger.error("Request {requestId} failed: {error}", { requestId, tenant: tenant?.name, error });
}
