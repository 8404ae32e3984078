/**
 * The relay itself: a client's request in, the target's response out.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { endToEndHeaders } from "../../shared/http/headers.ts";
import { type HeaderLine, isStreamBody, type RelayRequest, type RelayResponse } from "../../shared/http/message.ts";
import { getLogger } from "../../shared/log/logger.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import type { Dispatcher, DispatchOptions } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { Interceptors } from "../interceptors/mod.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import type { TenantSource } from "../persistence/tenant_cache.ts";
import type { AcknowledgeMode } from "../persistence/schema.ts";
import type { Tenant } from "../persistence/tenants.ts";
import { parseAddress, type RelayAddress } from "./address.ts";
import type { Admission } from "./admission.ts";
import { withoutSharedCookies } from "./cookies.ts";
import { effectiveMode, isStored } from "./acknowledge_mode.ts";
import { Deliveries, type DeliveryOptions, type RequestKeeper } from "./delivery.ts";
import { Exchange, type ExchangeOptions } from "./exchange.ts";
import { Expiration } from "./expiration.ts";
import { answerFailure, statusOf, toRelayError } from "./failure.ts";
import { ForwardedHeaders, type IsTrustedProxy } from "./forwarded.ts";
import { type Admitted, type Gate, UNCHECKED } from "./gate.ts";
import { type InterceptedExchange, interceptRequest, interceptResponse, type OutgoingRequest } from "./interception.ts";
import type { RelayObserver } from "./observer.ts";
import type { HandleOptions } from "./handle_options.ts";
import { type RequestBodyLimits, takeBody } from "./request_body.ts";
import { giveUpBody, type ResponseBodyLimits, watchBody } from "./response_body.ts";
import { type ClientResponse, withClientHeaders } from "./response_head.ts";
import type { RelayTap } from "./tap.ts";
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
  /** For tenants that say nothing else. */
  readonly acknowledgeMode: AcknowledgeMode;
  /** Base of the server's public URLs as a request tells it, without a slash at the end. */
  readonly publicUrl: (request: ListenerRequest) => string;
}

/** What the relay works with. */
export interface RelayParts {
  readonly tenants: TenantSource;
  readonly dispatcher: Dispatcher;
  readonly admission: Admission;
  readonly gate: Gate;
  readonly interceptors: Interceptors;
  readonly keeper: RequestKeeper;
  readonly observer: RelayObserver;
  readonly tap: RelayTap;
}

const encoder = new TextEncoder();
const NO_OPTIONS: HandleOptions = {};

/** Serves `/relay`, `/queue`, `/trace` and the hosts of targets. */
export class Relay implements Disposable {
  readonly #parts: RelayParts;
  readonly #options: RelayOptions;
  readonly #exchangeOptions: ExchangeOptions;
  readonly #deadlines: Deadlines;
  readonly #deliveries: Deliveries;
  readonly #forwardedHeaders: ForwardedHeaders;
  #preparing = 0;

  constructor(parts: RelayParts, options: RelayOptions) {
    const { server: { originId }, scheme, isTrustedProxy } = options;
    this.#parts = parts;
    this.#options = options;
    this.#exchangeOptions = { originId, scheme, isTrustedProxy };
    this.#deadlines = new Deadlines(options.requestExpirationMs);
    this.#deliveries = new Deliveries(parts);
    this.#forwardedHeaders = new ForwardedHeaders(isTrustedProxy);
  }

  /** Requests that were let in and that dispatch has not seen yet: their bodies are still on their way, or interceptors look at them. */
  get preparing(): number {
    return this.#preparing;
  }

  /** Stops its timers. Requests under way do not expire any more. */
  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
  }

  /** Answers a request. Never rejects. */
  async handle(request: ListenerRequest, options: HandleOptions = NO_OPTIONS): Promise<RelayResponse> {
    const { readAddress = parseAddress, operator } = options;
    const exchange = new Exchange(request, this.#exchangeOptions);
    let admittedTenantId: string | undefined;
    const ended = (status: number, error?: RelayError) => {
      if (admittedTenantId !== undefined) {
        this.#prepared(exchange);
        this.#leave(exchange, admittedTenantId);
      }
      const record = exchange.record(status, error);
      this.#parts.observer.requestEnded(record);
      exchange.tap?.ended(record);
      operator?.ended(record);
    };
    try {
      const address = exchange.address = this.#checkRoute(readAddress(request));
      const tenant = exchange.tenant = await this.#tenantOf(address);
      const { gate, tap } = this.#parts;
      if (tap.isOn && request.upgrade === undefined) {
        exchange.tap = tap.open({ request, tenantId: tenant.id, target: address.target, path: address.path });
      }
      this.#parts.admission.enter(tenant.id);
      admittedTenantId = tenant.id;
      this.#preparing++;
      const isChecked = operator === undefined && gate.guards(tenant);
      const admitted = isChecked ? await gate.admit(exchange, address, tenant) : UNCHECKED;
      const response = await this.#relay(exchange, { address, tenant, admitted, operator });
      return this.#answer(exchange, response, ended);
    } catch (cause) {
      const error = toRelayError(cause);
      const failure = answerFailure(error, exchange.requestId);
      // A client that has left gets no answer.
      if (error.code !== "client_gone") exchange.tap?.clientResponse(failure);
      ended(statusOf(error.code), error);
      if (error.code === "internal_error") logUnforeseen(cause, exchange);
      return failure;
    }
  }

  #leave({ unanswered }: Exchange, tenantId: string): void {
    const { admission } = this.#parts;
    if (unanswered === undefined) admission.leave(tenantId);
    else unanswered.then(() => admission.leave(tenantId));
  }

  /** Goes to dispatch at once, or has ended. */
  #prepared(exchange: Exchange): void {
    if (exchange.isPrepared) return;
    exchange.isPrepared = true;
    this.#preparing--;
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
    { address, tenant, admitted, operator }: {
      readonly address: RelayAddress;
      readonly tenant: Tenant;
      readonly admitted: Admitted;
      readonly operator: HandleOptions["operator"];
    },
  ): Promise<RelayResponse> {
    const { tap, request: { signal, body, method } } = exchange;
    const expiration = new Expiration(this.#deadlines);
    const onBytes = (bytes: number) => {
      exchange.requestBytes += bytes;
      expiration.extend();
    };
    const received = body === null ? null : await takeBody(body, this.#bodyLimits(exchange, admitted), onBytes);
    const taken: OutgoingRequest = {
      method,
      target: address.target,
      path: address.path,
      headers: this.#firstHeaders(exchange, admitted),
      body: tap === undefined ? received : tap.clientBody(received),
      isTraced: address.route === "trace" || tenant.enableTracing === true,
    };
    const { interceptors } = this.#parts;
    const intercepted = interceptors.isEmpty
      ? undefined
      : await interceptRequest(interceptors, taken, { exchange, tenant });
    const { request, answer } = intercepted ?? { request: taken, answer: undefined };
    const isMeasured = request.isTraced || operator !== undefined;
    const delivery = this.#deliveryOptions(exchange, { address, tenant, request, isMeasured, expiration });
    this.#prepared(exchange);
    if (intercepted !== undefined && answer !== undefined) {
      if (answer.isDelivered) {
        try {
          await this.#deliverUnanswered(exchange, request, delivery);
        } catch (error) {
          giveUpBody(answer.body);
          throw error;
        }
      }
      const seen = await this.#intercepted(exchange, withClientHeaders(answer, method), intercepted);
      return this.#presented(exchange, seen, undefined);
    }
    if (address.route === "queue") {
      const stored = delivery.stored ?? this.#storingOptions(exchange, address, "connectorReceived");
      await this.#deliveries.enqueue(this.#relayed(exchange, request, { stored }), { ...delivery, stored });
      return accepted(exchange.requestId);
    }
    const response = await this.#deliveries.deliver(this.#relayed(exchange, request, delivery), signal, delivery);
    exchange.answered(response);
    operator?.answered(response);
    const seen = tap === undefined ? response : { ...response, body: tap.targetResponse(response) };
    const plain = withClientHeaders(seen, method);
    const presented = intercepted === undefined ? plain : await this.#intercepted(exchange, plain, intercepted);
    return this.#presented(exchange, presented, request.isTraced ? response : undefined);
  }

  /** Resolves when the client may be answered: at once, unless the request is stored or the rest of it is still on its way. */
  async #deliverUnanswered(exchange: Exchange, request: OutgoingRequest, delivery: DeliveryOptions): Promise<void> {
    const { stored } = delivery;
    const relayed = this.#relayed(exchange, request, delivery);
    if (stored !== undefined) return await this.#deliveries.enqueue(relayed, { ...delivery, stored });
    exchange.unanswered = this.#deliveries.deliverUnanswered(relayed, delivery);
    if (isStreamBody(relayed.body)) await exchange.unanswered;
  }

  /** What the client sent, but for what is not for targets. The forwarding headers are the first interceptor's work. */
  #firstHeaders({ request, hop }: Exchange, { consumedHeader }: Admitted): HeaderLine[] {
    const headers = endToEndHeaders(
      request.headers,
      (name) => name === consumedHeader || name === "expect" || name === "content-length",
    );
    return this.#forwardedHeaders.interceptRequest({ headers }, { hop }).headers;
  }

  #bodyLimits(exchange: Exchange, { maxBodyBytes }: Admitted): RequestBodyLimits {
    const { requestBody } = this.#options;
    if (maxBodyBytes === undefined || maxBodyBytes >= (requestBody.maxBodyBytes ?? Infinity)) return requestBody;
    const refused = () => this.#parts.gate.bodyRefused(exchange, maxBodyBytes);
    return { ...requestBody, maxBodyBytes, refused };
  }

  #deliveryOptions(
    exchange: Exchange,
    { address, tenant, request, isMeasured, expiration }: {
      readonly address: RelayAddress;
      readonly tenant: Tenant;
      readonly request: OutgoingRequest;
      readonly isMeasured: boolean;
      readonly expiration: Expiration;
    },
  ): DeliveryOptions {
    const { requestExpirationMs, requireActiveConnection, acknowledgeMode } = this.#options;
    const mode = effectiveMode(request.acknowledgeMode ?? tenant.acknowledgeMode ?? acknowledgeMode, tenant);
    const dispatch: DispatchOptions = {
      trace: isMeasured,
      expiresInMs: requestExpirationMs,
      requireActiveConnection: tenant.requireActiveConnection ?? requireActiveConnection,
      isSettledByHandover: mode === "disabled",
      handover: exchange,
    };
    // A WebSocket's messages cannot be kept: it ends with its connection.
    const isKept = isStored(mode) && exchange.request.upgrade === undefined;
    const stored = isKept ? this.#storingOptions(exchange, address, mode) : undefined;
    return { tenantId: tenant.id, dispatch, expiration, stored };
  }

  #storingOptions({ request }: Exchange, { baseDomain }: RelayAddress, mode: AcknowledgeMode) {
    const publicUrl = this.#options.publicUrl(request);
    return { mode, acknowledgeBase: baseDomain === undefined ? publicUrl : atBaseDomain(publicUrl, baseDomain) };
  }

  /** The request as the target is to see it. */
  #relayed(
    { requestId, tap, request: { upgrade } }: Exchange,
    { method, target, path, headers, body, isTraced }: OutgoingRequest,
    { stored }: Pick<DeliveryOptions, "stored">,
  ): RelayRequest {
    // What is stored gets its headers with every delivery.
    if (stored !== undefined) return { requestId, method, target, path, headers, body };
    if (isTraced) headers.push(...targetTracing(requestId, this.#options.server));
    else if (!isStreamBody(body)) headers.push(["RelayServer-RequestId", requestId]);
    const request = { requestId, method, target, path, headers, body, upgrade };
    return tap === undefined ? request : { ...request, body: tap.targetRequest(request) };
  }

  async #intercepted(
    exchange: Exchange,
    response: ClientResponse,
    intercepted: InterceptedExchange,
  ): Promise<ClientResponse> {
    const { interceptors } = this.#parts;
    if (!interceptors.seeResponses) return response;
    return await interceptResponse(interceptors, response, { exchange, intercepted });
  }

  /**
   * The response as the client is to see it.
   *
   * @param traced The target's response, if its tracing is for the client.
   */
  #presented(
    { requestId, address }: Exchange,
    { status, headers, body }: ClientResponse,
    traced: DispatchedResponse | undefined,
  ): RelayResponse {
    const lines = address?.baseDomain === undefined ? headers : withoutSharedCookies(headers, address.baseDomain);
    if (traced !== undefined) lines.push(...clientTracing(requestId, this.#options.server, traced));
    return { status, headers: lines, body };
  }

  #answer(
    exchange: Exchange,
    response: RelayResponse,
    ended: (status: number, error?: RelayError) => void,
  ): RelayResponse {
    const { status, headers } = response;
    const body = exchange.tap === undefined ? response.body : exchange.tap.clientResponse(response);
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

/** The client's request is safe; what becomes of it nobody tells. */
function accepted(requestId: string): RelayResponse {
  const headers: HeaderLine[] = [["Content-Type", "application/json"], ["RelayServer-RequestId", requestId]];
  return { status: 202, headers, body: encoder.encode(JSON.stringify({ requestId })) };
}

/** On the host of a target nothing is the server's own. */
function atBaseDomain(publicUrl: string, baseDomain: string): string {
  const url = new URL(publicUrl);
  if (url.hostname.endsWith(`.${baseDomain}`)) url.hostname = baseDomain;
  return url.href.replace(/\/+$/, "");
}

/** The client learns only that it happened. */
function logUnforeseen(error: unknown, { requestId, tenant }: Exchange): void {
  logger.error("Request {requestId} failed: {error}", { requestId, tenant: tenant?.name, error });
}
