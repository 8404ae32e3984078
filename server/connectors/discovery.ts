/**
 * The discovery document, with the fields of RelayServer v3.
 *
 * @module
 */

import { formatTimeSpan } from "../../shared/time/duration.ts";

/** Where the document is found. */
export const DISCOVERY_PATH = "/.well-known/relayserver-configuration";

/** What the document tells besides the addresses of this server; durations in milliseconds. */
export interface DiscoveryOptions {
  /** URL of who issues tokens: this server, or an OIDC authority. */
  readonly authorizationServer: string;
  readonly version: string;
  readonly originId: string;
  readonly endpointTimeoutMs: number;
  readonly reconnectMinimumDelayMs: number;
  readonly reconnectMaximumDelayMs: number;
  readonly handshakeTimeoutMs: number;
  readonly keepAliveIntervalMs: number;
}

/**
 * Tells a connector where everything is.
 *
 * @param baseUrl Base of the absolute URLs, without a slash at the end.
 */
export function discoveryDocument(baseUrl: string, options: DiscoveryOptions) {
  return {
    serverVersion: options.version,
    authorizationServer: options.authorizationServer,
    connectorEndpoint: `${baseUrl}/connector`,
    acknowledgeEndpoint: `${baseUrl}/acknowledge/${options.originId}`,
    requestEndpoint: `${baseUrl}/body/request`,
    responseEndpoint: `${baseUrl}/body/response`,
    endpointTimeout: formatTimeSpan(options.endpointTimeoutMs),
    reconnectMinimumDelay: formatTimeSpan(options.reconnectMinimumDelayMs),
    reconnectMaximumDelay: formatTimeSpan(options.reconnectMaximumDelayMs),
    handshakeTimeout: formatTimeSpan(options.handshakeTimeoutMs),
    keepAliveInterval: formatTimeSpan(options.keepAliveIntervalMs),
  };
}
