/**
 * Agents of `node:http` and `node:https` whose sockets go through a proxy. The agents on npm for this cannot be given a time limit and leave
 * the socket behind when a proxy stays silent.
 *
 * @module
 */

import { Agent, type AgentOptions } from "node:http";
import { Agent as SecureAgent, type AgentOptions as SecureAgentOptions } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { readyForRequests } from "./ready_socket.ts";
import { withListener } from "./secure_agent.ts";
import { openTunnel, type TunnelOptions } from "./tunnel.ts";

/** How an agent gives its sockets out. */
type OnSocket = (error: Error | null, socket: Duplex) => void;

/** What an agent knows of a socket it needs. */
interface SocketOptions extends ConnectionOptions {
  readonly host?: string;
  readonly port?: number;
}

/**
 * Makes an agent.
 *
 * @param protocol Of the addresses it is for; both go through `CONNECT`.
 * @param options The proxy, and what else the agent is to know: `keepAlive`, `ca` and so on, as in `node:https`.
 */
export function createProxyAgent(
  protocol: "http:" | "https:",
  options: { readonly tunnel: TunnelOptions; readonly agent: SecureAgentOptions },
): Agent {
  const { tunnel, agent } = options;
  return protocol === "http:" ? new PlainProxyAgent(tunnel, agent) : new SecureProxyAgent(tunnel, agent);
}

class PlainProxyAgent extends Agent {
  readonly #tunnel: TunnelOptions;

  constructor(tunnel: TunnelOptions, options: AgentOptions) {
    super(options);
    this.#tunnel = tunnel;
  }

  /** Called by `node:http`, which takes the socket from the callback when none is returned. */
  override createConnection(options: SocketOptions, onSocket: OnSocket): undefined {
    give(openFor(options, this.#tunnel, (socket) => socket), onSocket);
  }
}

class SecureProxyAgent extends SecureAgent {
  readonly #tunnel: TunnelOptions;

  constructor(tunnel: TunnelOptions, options: SecureAgentOptions) {
    super(options);
    this.#tunnel = tunnel;
  }

  /** Called by `node:https`, as above. TLS is spoken with the destination, through the tunnel. */
  override createConnection(options: SocketOptions, onSocket: OnSocket): undefined {
    const take = (socket: Socket) => readyForRequests(withListener(connectTls({ ...options, socket })));
    give(openFor(options, this.#tunnel, take), onSocket);
  }
}

function openFor<T>(
  { host = "localhost", port = 0 }: SocketOptions,
  tunnel: TunnelOptions,
  take: (socket: Socket) => T,
): Promise<Awaited<T>> {
  return openTunnel({ host, port }, tunnel, take);
}

function give(opened: Promise<Duplex>, onSocket: OnSocket): void {
  // After an error nobody looks at the socket.
  const fail = (error: Error) => onSocket(error, undefined as unknown as Duplex);
  opened.then((socket) => socket.errored ? fail(socket.errored) : onSocket(null, socket), fail);
}
