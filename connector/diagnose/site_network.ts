/**
 * The way from this site to its servers, as the connector itself takes it.
 *
 * @module
 */

import type { Agent } from "node:http";
import { Agent as SecureAgent } from "node:https";

/** What diagnosis needs of the connector's network. */
export interface SiteNetwork {
  /** `fetch` over this network. */
  readonly fetch: typeof fetch;
  /** The proxy through which an address is reached; `undefined` when it is reached directly. */
  proxyFor(address: URL): URL | undefined;
  /** Makes the sockets to an address; `undefined` for the platform's own way. */
  agentFor(address: URL): Agent | undefined;
}

/**
 * The way without a proxy.
 *
 * @param ca Certificates (PEM) that the servers' certificates are checked against, instead of the platform's.
 */
export function directNetwork(ca: readonly string[] | undefined): SiteNetwork & Disposable {
  const client = ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [...ca] });
  return {
    fetch: client === undefined ? fetch : (input, init) => fetch(input, { ...init, client }),
    proxyFor: () => undefined,
    agentFor: ({ protocol }) =>
      ca !== undefined && /^(?:https|wss):$/.test(protocol) ? new SecureAgent({ ca: [...ca] }) : undefined,
    [Symbol.dispose]: () => client?.close(),
  };
}
