/**
 * Who answers what on the public listener, decided on the raw request target.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import type { ConnectorEndpoint } from "../connectors/endpoint.ts";
import type { Answer, ListenerHandler, ListenerRequest } from "../listener/listener.ts";
import { isRelayTarget } from "../relay/address.ts";
import { answerFailure, toRelayError } from "../relay/failure.ts";
import type { Relay } from "../relay/relay.ts";
import { answerByRoutes, type WebRoutes } from "./web_routes.ts";

const CONNECTOR_TARGET = /^\/connector(?:\?|$)/;

/** Serves relayed requests, connectors, and everything else by Hono routes. */
export class PublicHandler implements ListenerHandler {
  readonly #relay: Relay;
  readonly #connectors: ConnectorEndpoint;
  readonly #routes: WebRoutes;

  constructor(relay: Relay, parts: { connectors: ConnectorEndpoint; routes: WebRoutes }) {
    this.#relay = relay;
    this.#connectors = parts.connectors;
    this.#routes = parts.routes;
  }

  async handle(request: ListenerRequest): Promise<Answer> {
    if (isRelayTarget(request.target)) return this.#relay.handle(request);
    try {
      if (CONNECTOR_TARGET.test(request.target)) return await this.#connectors.handle(request);
      return await answerByRoutes(this.#routes, request);
    } catch (error) {
      return answerFailure(toRelayError(error));
    }
  }

  refuse(error: RelayError): RelayResponse {
    return answerFailure(error);
  }
}
