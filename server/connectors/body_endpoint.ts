/**
 * `GET /body/request/{requestId}` and `POST /body/response/{requestId}`: large bodies of deliveries under way, moved by HTTP (protocol §10).
 *
 * Nothing is stored: a POST is passed on to the waiting client, and a GET reads from the client, each as fast as the other side. A request that
 * comes in at another origin than its delivery is passed on to that one by its link.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { headerValue } from "../../shared/http/headers.ts";
import {
  type Body,
  type HeaderLine,
  isStreamBody,
  type RelayRequest,
  type RelayResponse,
} from "../../shared/http/message.ts";
import type { Delivery, IncomingRequest } from "../../shared/protocol/exchange.ts";
import type { HttpDelivery } from "../../shared/protocol/http_bodies.ts";
import type { ListenerRequest } from "../listener/listener.ts";
import { bearerOf, type ConnectorAuthentication } from "./connector_authentication.ts";

const TARGET = /^\/body\/(request|response)\/([^/?]+)(?:\?(.*))?$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const DELIVERY_ID = /^[0-9a-f]{32}$/i;

/** What bodies are called between origins. */
const SERVICE = "body";
const DELIVERY_HEADER = "RelayServer-DeliveryId";

/** Whether a request is for this endpoint. */
export function isBodyTarget(target: string): boolean {
  return TARGET.test(target);
}

/** Where deliveries under way are found. */
export interface HttpDeliveries {
  /** The tenant's connections at this origin. */
  list(tenantId: string): Iterable<{ findHttpDelivery(deliveryId: string): HttpDelivery | undefined }>;
}

/** The other origins. */
export interface OtherOrigins {
  /** Passes a request on; `undefined` when that origin is not known. */
  ask(
    originId: string,
    request: RelayRequest,
    options: { readonly service: string; readonly tenantId: string },
  ): Delivery | undefined;
}

/** What the endpoint works with. */
export interface BodyEndpointParts {
  readonly authentication: ConnectorAuthentication;
  readonly deliveries: HttpDeliveries;
  /** UUID of this origin. */
  readonly originId: string;
  readonly others?: OtherOrigins | undefined;
}

/** Which body of which delivery. */
interface BodyAddress {
  readonly method: "GET" | "POST";
  readonly requestId: string;
  readonly deliveryId: string;
}

/** Gives and takes bodies. */
export class BodyEndpoint {
  readonly #parts: BodyEndpointParts;

  constructor(parts: BodyEndpointParts) {
    this.#parts = parts;
  }

  /**
   * Answers a connector's request.
   *
   * @throws {RelayError} `invalid_request`, `authentication_required`, `authentication_unavailable`, `access_denied`, `tenant_disabled`,
   * `body_taken`, `delivery_over`, and what a body broke off with.
   */
  async handle(request: ListenerRequest): Promise<RelayResponse> {
    const { authentication, originId } = this.#parts;
    const token = await authentication.verify(bearerOf(request));
    const { id: tenantId } = await authentication.tenantOf(token);
    const address = readAddress(request);
    const holderId = headerValue(request.headers, "relayserver-requestoriginid")?.toLowerCase();
    if (holderId === undefined || !UUID.test(holderId)) {
      throw new RelayError("invalid_request", "RelayServer-RequestOriginId must be a UUID");
    }
    const body = bodyOf(request);
    if (holderId === originId) return await this.#serve(tenantId, address, body);
    return await this.#forward(holderId, address, { tenantId, body, signal: request.signal });
  }

  /**
   * Answers what another origin passes on.
   *
   * @throws {RelayError} as {@linkcode handle}.
   */
  async serveOther(request: IncomingRequest): Promise<RelayResponse> {
    const { method, requestId, tenantId, headers, body, service } = request;
    const deliveryId = headerValue(headers, DELIVERY_HEADER.toLowerCase());
    if (service !== SERVICE || tenantId === undefined || deliveryId === undefined) {
      throw new RelayError("not_found", "This server does not know what was asked for");
    }
    return await this.#serve(tenantId, { method: method === "GET" ? "GET" : "POST", requestId, deliveryId }, body);
  }

  async #serve(tenantId: string, { method, requestId, deliveryId }: BodyAddress, body: Body): Promise<RelayResponse> {
    const delivery = this.#find(tenantId, deliveryId);
    // Ids that do not belong together say nothing about each other.
    if (delivery?.requestId !== requestId) throw new RelayError("delivery_over", "There is no such delivery any more");
    if (method === "GET") {
      const body = delivery.openRequestBody();
      const headers: HeaderLine[] = [["Content-Type", "application/octet-stream"], ["Cache-Control", "no-store"]];
      if (body.length !== undefined) headers.push(["Content-Length", String(body.length)]);
      return { status: 200, headers, body };
    }
    await delivery.takeResponseBody(isStreamBody(body) ? body : { stream: streamOf(body), length: body?.length ?? 0 });
    return { status: 204, headers: [], body: null };
  }

  #find(tenantId: string, deliveryId: string): HttpDelivery | undefined {
    for (const connection of this.#parts.deliveries.list(tenantId)) {
      const delivery = connection.findHttpDelivery(deliveryId);
      if (delivery !== undefined) return delivery;
    }
    return undefined;
  }

  async #forward(
    holderId: string,
    { method, requestId, deliveryId }: BodyAddress,
    { tenantId, body, signal }: { readonly tenantId: string; readonly body: Body; readonly signal: AbortSignal },
  ): Promise<RelayResponse> {
    const headers = [[DELIVERY_HEADER, deliveryId]] as const;
    const request: RelayRequest = { requestId, method, target: "", path: "", headers, body };
    const delivery = this.#parts.others?.ask(holderId, request, { service: SERVICE, tenantId });
    if (delivery === undefined) throw new RelayError("delivery_over", "That origin is not here any more");
    const cancel = () => delivery.cancel("client_gone");
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    const { status, headers: lines, body: answer } = await delivery.response;
    return { status, headers: lines, body: answer };
  }
}

/** @throws {RelayError} `invalid_request`. */
function readAddress({ method, target, headers }: ListenerRequest): BodyAddress {
  const [, kind, id = "", query = ""] = TARGET.exec(target) ?? [];
  const expected = kind === "request" ? "GET" : "POST";
  if (method !== expected) throw new RelayError("invalid_request", `This address takes ${expected} only`);
  if (!UUID.test(id)) throw new RelayError("invalid_request", "The request id must be a UUID");
  const isDeleted = new URLSearchParams(query).get("delete") ?? "true";
  if (!/^(?:true|false)$/i.test(isDeleted)) throw new RelayError("invalid_request", "delete must be true or false");
  const deliveryId = headerValue(headers, DELIVERY_HEADER.toLowerCase()) ?? "";
  if (!DELIVERY_ID.test(deliveryId)) {
    throw new RelayError("invalid_request", `${DELIVERY_HEADER} must be 32 hexadecimal digits`);
  }
  return { method: expected, requestId: id.toLowerCase(), deliveryId: deliveryId.toLowerCase() };
}

function bodyOf({ body }: ListenerRequest): Body {
  if (body === null) return null;
  const { length } = body;
  return length === undefined ? { stream: body.stream() } : { stream: body.stream(), length };
}

function streamOf(bytes: Uint8Array | null): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes !== null && bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
  });
}
