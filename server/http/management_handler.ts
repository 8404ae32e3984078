/**
 * Who answers on the management listener.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import type { Answer, ListenerHandler, ListenerRequest } from "../listener/listener.ts";
import { answerFailure, toRelayError } from "../relay/failure.ts";
import { answerByRoutes, type WebRoutes } from "./web_routes.ts";

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** Serves Hono routes, under known host names only: a page elsewhere must not reach them through a name of its own. */
export class ManagementHandler implements ListenerHandler {
  readonly #routes: WebRoutes;
  readonly #hosts: ReadonlySet<string>;

  /** @param allowedHosts Host names, without a port, besides the loopback ones. */
  constructor(routes: WebRoutes, allowedHosts: readonly string[]) {
    this.#routes = routes;
    this.#hosts = new Set([...LOOPBACK_HOSTS, ...allowedHosts.map((host) => host.toLowerCase())]);
  }

  async handle(request: ListenerRequest): Promise<Answer> {
    try {
      if (!this.#hosts.has(request.host.toLowerCase().replace(/:\d+$/, ""))) {
        throw new RelayError("access_denied", "The management listener does not know this host name");
      }
      return await answerByRoutes(this.#routes, request);
    } catch (error) {
      return answerFailure(toRelayError(error));
    }
  }

  refuse(error: RelayError): RelayResponse {
    return answerFailure(error);
  }
}
