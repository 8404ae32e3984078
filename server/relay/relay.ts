/**
 * The relay itself: a client's request in, the target's response out.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { endToEndHeaders } from "../../shared/http/headers.ts";
import { isStreamBody, type RelayRequest, type RelayResponse } from "../../shared/http/message.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import type { Dispatcher, DispatchOptions } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { Interceptors, RequestDraftOptions } from "../interceptors/mod.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import type { TenantSource } from "../persistence/tenant_cache.ts";
import type { Tenant } from "../persistence/tenants.ts";
import { type AddressReader, parseAddress, type RelayAddress } from "./address.ts";
import type { Admission } from "./admission.ts";
import { withoutSharedCookies } from "./cookies.ts";
import { Deliveries } from "./delivery.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { Expiration } from "./expiration.ts";
import { answerFailure, statusOf, toRelayError } from "./failure.ts";
import { ForwardedHeaders, type IsTrustedProxy } from "./forwarded.ts";
import type { Admitted, Gate } from "./gate.ts";
import { giveUp, type InterceptedExchange, interceptRequest, interceptResponse } from "./interception.ts";
import type { RelayObserver } from "./observer.ts";
import { type RequestBodyLimits, takeBody } from "./request_body.ts";
import { type ResponseBodyLimits, watchBody } from "./response_body.ts";
import { responseHeaders } from "./response_head.ts";
import { clientTracing, type ServerFacts, targetTracing } from "./tracing.ts";

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
  readonly gate: Gate;
  readonly interceptors: Interceptors;
  /** All of them hear of every request. */
  readonly observers: readonly RelayObserver[];
}

/** A request that is ready to go, or answered before it went. */
type Intercepted = Omit<InterceptedExchange, "interception"> & Partial<Pick<InterceptedExchange, "interception">>;

/** Serves `/relay`, `/trace` and the hosts of targets. */
export class Relay implements Disposable {
  readonly #parts: RelayParts;
  readonly #options: RelayOptions;
  readonly #exchangeOptions: ExchangeOptions;
  readonly #deadlines: Deadlines;
  readonly #deliveries: Deliveries;
  readonly #forwardedHeaders: ForwardedHeaders;

  constructor(parts: RelayParts, options: RelayOptions) {
    const { server: { originId }, scheme, isTrustedProxy } = options;
    this.#parts = parts;
    this.#options = options;
    this.#exchangeOptions = { originId, scheme, isTrustedProxy };
    this.#deadlines = new Deadlines(options.requestExpirationMs);
    this.#deliveries = new Deliveries(parts.dispatcher, parts.admission);
    this.#forwardedHeaders = new ForwardedHeaders(isTrustedProxy);
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
      const address = exchange.address = this.#checkRoute(readAddress(request));
      const tenant = exchange.tenant = await this.#tenantOf(address);
      this.#parts.admission.enter(tenant.id);
      admittedTenantId = tenant.id;
      const admitted = await this.#parts.gate.admit(exchange, address, tenant);
      const response = await this.#relay(exchange, { address, tenant, admitted });
      return this.#answer(exchange, response, ended);
    } catch (cause) {
      const error = toRelayError(cause);
      ended(statusOf(error.code), error);
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

  /** From the client's request to the response as the client is to get it. */
  async #relay(
    exchange: Exchange,
    { address, tenant, admitted }: {
      readonly address: RelayAddress;
      readonly tenant: Tenant;
      readonly admitted: Admitted;
    },
  ): Promise<RelayResponse> {
    const expiration = new Expiration(this.#deadlines);
    const taken = await this.#takeRequest(exchange, { address, tenant, admitted, expiration });
    const { interceptors } = this.#parts;
    const intercepted: Intercepted = interceptors.seeRequests || interceptors.seeResponses
      ? await interceptRequest(interceptors, taken, { exchange, tenant })
      : { request: taken };
    const { request, answer } = intercepted;
    const delivery = { tenantId: tenant.id, dispatch: this.#dispatchOptions(tenant, request.isTraced), expiration };
    if (answer !== undefined) {
      if (answer.isDelivered) await this.#deliveries.deliverUnanswered(this.#relayed(exchange, request), delivery);
      return await this.#present(exchange, answer, intercepted);
    }
    const { signal } = exchange.request;
    const response = await this.#deliveries.deliver(this.#relayed(exchange, request), { ...delivery, signal });
    exchange.connectionId = response.connection.id;
    return await this.#present(exchange, response, intercepted);
  }

  /** The client's request as interceptors see it first. */
  async #takeRequest(
    exchange: Exchange,
    { address, tenant, admitted, expiration }: {
      readonly address: RelayAddress;
      readonly tenant: Tenant;
      readonly admitted: Admitted;
      readonly expiration: Expiration;
    },
  ): Promise<RequestDraftOptions> {
    const { request, hop } = exchange;
    const { consumedHeader } = admitted;
    const body = await takeBody(request.body, this.#bodyLimits(exchange, admitted), (bytes) => {
      exchange.requestBytes += bytes;
      expiration.extend();
    });
    const headers = endToEndHeaders(
      request.headers,
      (name) => name === consumedHeader || name === "expect" || name === "content-length",
    );
    return {
      method: request.method,
      target: address.target,
      path: address.path,
      headers: this.#forwardedHeaders.interceptRequest({ headers }, { hop }).headers,
      body,
      isTraced: address.route === "trace" || tenant.enableTracing === true,
    };
  }

  #bodyLimits(exchange: Exchange, { maxBodyBytes }: Admitted): RequestBodyLimits {
    const { requestBody } = this.#options;
    if (maxBodyBytes === undefined || maxBodyBytes >= (requestBody.maxBodyBytes ?? Infinity)) return requestBody;
    const refused = () => this.#parts.gate.bodyRefused(exchange, maxBodyBytes);
    return { ...requestBody, maxBodyBytes, refused };
  }

  #dispatchOptions(tenant: Tenant, trace: boolean): DispatchOptions {
    const { requestExpirationMs, requireActiveConnection } = this.#options;
    return {
      trace,
      expiresInMs: requestExpirationMs,
      requireActiveConnection: tenant.requireActiveConnection ?? requireActiveConnection,
    };
  }

  /** The request as the target is to see it. */
  #relayed({ requestId }: Exchange, request: RequestDraftOptions): RelayRequest {
    const { method, target, path, body, isTraced } = request;
    const headers = [...request.headers];
    if (isTraced) headers.push(...targetTracing(requestId, this.#options.server));
    else if (!isStreamBody(body)) headers.push(["RelayServer-RequestId", requestId]);
    return { requestId, method, target, path, headers, body };
  }

  /** The response as the client is to see it. */
  async #present(
    exchange: Exchange,
    response: DispatchedResponse | RelayResponse,
    { request, interception }: Intercepted,
  ): Promise<RelayResponse> {
    const { interceptors } = this.#parts;
    const { baseDomain } = exchange.address ?? {};
    try {
      let presented: RelayResponse = this.#withHeaders(response, exchange.request.method);
      if (interception !== undefined && interceptors.seeResponses) {
        const intercepted = { request, interception };
        const limits = this.#options.responseBody;
        presented = await interceptResponse(interceptors, presented, { exchange, intercepted, limits });
      }
      const headers = [
        ...baseDomain === undefined ? presented.headers : withoutSharedCookies(presented.headers, baseDomain),
      ];
      if (request.isTraced && "connection" in response) {
        headers.push(...clientTracing(exchange.requestId, this.#options.server, response));
      }
      return { status: presented.status, headers, body: presented.body };
    } catch (error) {
      giveUp(response.body);
      throw error;
    }
  }

  /** The response to `HEAD` has no body, whatever interceptors have made of the request. */
  #withHeaders(response: RelayResponse, method: string): RelayResponse {
    const headers = responseHeaders(response, method);
    if (method !== "HEAD" || response.body === null) return { status: response.status, headers, body: response.body };
    giveUp(response.body);
    return { status: response.status, headers, body: null };
  }

  #answer(
    exchange: Exchange,
    { status, headers, body }: RelayResponse,
    ended: (status: number, error?: RelayError) => void,
  ): RelayResponse {
    if (!isStreamBody(body)) {
      exchange.relayedResponseBytes = body?.length ?? 0;
      ended(status);
      return { status, headers, body };
    }
    const stream = watchBody(body, this.#options.responseBody, (bytes, error) => {
      exchange.relayedResponseBytes = bytes;
      ended(status, error);
    });
    return { status, headers, body: body.length === undefined ? { stream } : { stream, length: body.length } };
  }
}
