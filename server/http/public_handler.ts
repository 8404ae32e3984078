/**
 * Who answers what on the public listener, decided on `Host` and the raw request target.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { type BodyEndpoint, isBodyTarget } from "../connectors/body_endpoint.ts";
import type { ConnectorEndpoint } from "../connectors/endpoint.ts";
import { V3Knock } from "../connectors/v3_knock.ts";
import type { Answer, ListenerHandler, ListenerRequest } from "../listener/listener.ts";
import { isRelayTarget } from "../relay/address.ts";
import { answerFailure, toRelayError } from "../relay/failure.ts";
import type { HostAddresses } from "../relay/host_address.ts";
import type { Relay } from "../relay/relay.ts";
import { isWebSocketRequest, type WebSocketRelay } from "../relay/websocket_relay.ts";
import { answerByRoutes, type WebRoutes } from "./web_routes.ts";

const CONNECTOR_TARGET = /^\/connector(?:\?|$)/;

/** What answers besides the relay. */
export interface PublicParts {
  readonly connectors: ConnectorEndpoint;
  readonly webSockets: WebSocketRelay;
  readonly bodies: BodyEndpoint;
  readonly routes: WebRoutes;
  /** The hosts that belong to targets, where there are such hosts. */
  readonly hosts: HostAddresses | undefined;
}

/** Serves relayed requests, connectors, and everything else by Hono routes. */
export class PublicHandler implements ListenerHandler {
  readonly #relay: Relay;
  readonly #parts: PublicParts;
  readonly #v3Knock = new V3Knock();

  constructor(relay: Relay, parts: PublicParts) {
    this.#relay = relay;
    this.#parts = parts;
  }

  async handle(request: ListenerRequest): Promise<Answer> {
    const { connectors, bodies, routes, hosts } = this.#parts;
    // First: on the host of a target nothing is the server's own, whatever the path.
    if (hosts?.covers(request.host)) {
      return this.#relayFor(request).handle(request, { readAddress: (source) => hosts.read(source) });
    }
    if (isRelayTarget(request.target)) return this.#relayFor(request).handle(request);
    try {
      if (this.#v3Knock.covers(request.target)) throw this.#v3Knock.refusal(request.peerAddress);
      if (CONNECTOR_TARGET.test(request.target)) return await connectors.handle(request);
      if (isBodyTarget(request.target)) return await bodies.handle(request);
      return await answerByRoutes(routes, request);
    } catch (error) {
      return answerFailure(toRelayError(error));
    }
  }

  #relayFor(request: ListenerRequest): Relay | WebSocketRelay {
    return isWebSocketRequest(request) ? this.#parts.webSockets : this.#relay;
  }

  refuse(error: RelayError): RelayResponse {
    return answerFailure(error);
  }
}
