/**
 * How a connector reaches its servers: one place that makes the sockets for discovery, tokens, WebSockets and bodies, so that proxy,
 * certificates and addresses are the same for all of them.
 *
 * @module
 */

import { Agent } from "node:http";
import { createProxyAgent } from "../../shared/net/proxy_agent.ts";
import { SecureAgent } from "../../shared/net/secure_agent.ts";
import { openTunnel } from "../../shared/net/tunnel.ts";
import { fetchOver } from "./fetch_over.ts";
import type { ProxyRules } from "./proxy_rules.ts";

/** How a site reaches what is outside. */
export interface NetworkOptions {
  readonly proxyFor: ProxyRules;
  /** Certificates (PEM) that servers' and proxies' certificates are checked against, instead of the platform's. */
  readonly ca?: readonly string[] | undefined;
}

/** Milliseconds until a proxy must have opened a tunnel. */
const TUNNEL_TIMEOUT_MS = 10_000;

/** The way from a connector to its servers. Sockets are not kept: the only one that stays is the WebSocket. */
export class Network {
  /** Like the global `fetch`, over the sockets of this network; what it does not support is named in `fetch_over.ts`. */
  readonly fetch: typeof fetch = fetchOver((address) => this.agentFor(address));
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The proxy through which an address is reached; `undefined` when it is reached directly. */
  proxyFor(address: URL): URL | undefined {
    return this.#options.proxyFor(httpForm(address));
  }

  /**
   * Asks the proxy of an address for a tunnel to it, and lets it go again.
   *
   * @throws {ProxyError} every code.
   */
  async tryProxy(
    proxy: URL,
    { hostname: host, port }: { readonly hostname: string; readonly port: number },
  ): Promise<void> {
    const options = { proxy, ca: this.#options.ca, timeoutMs: TUNNEL_TIMEOUT_MS };
    await openTunnel({ host, port }, options, (socket) => void socket.destroy());
  }

  /** An agent for a request or a WebSocket to an address (`http:`, `https:`, `ws:`, `wss:`). */
  agentFor(address: URL): Agent {
    const { ca } = this.#options;
    const isSecure = httpForm(address).protocol === "https:";
    const agent = ca === undefined || !isSecure ? {} : { ca: [...ca] };
    const proxy = this.proxyFor(address);
    if (proxy === undefined) return isSecure ? new SecureAgent(agent) : new Agent();
    return createProxyAgent(isSecure ? "https:" : "http:", {
      tunnel: { proxy, ca, timeoutMs: TUNNEL_TIMEOUT_MS },
      agent,
    });
  }
}

function httpForm(address: URL): URL {
  return /^wss?:$/.test(address.protocol) ? new URL(address.href.replace(/^ws/, "http")) : address;
}
