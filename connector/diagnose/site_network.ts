/**
 * The way from this site to its servers, as the connector itself takes it.
 *
 * @module
 */

import type { Agent } from "node:http";

/** What diagnosis needs of the connector's network. */
export interface SiteNetwork {
  /** `fetch` over this network. */
  readonly fetch: typeof fetch;
  /** The proxy through which an address is reached; `undefined` when it is reached directly. */
  proxyFor(address: URL): URL | undefined;
  /** Asks a proxy for a tunnel to somewhere, and lets it go again. Rejects with a `ProxyError`. */
  tryProxy(proxy: URL, destination: { readonly hostname: string; readonly port: number }): Promise<void>;
  /** Makes the sockets to an address; `undefined` for the platform's own way. */
  agentFor(address: URL): Agent | undefined;
}
