/**
 * Which socket a call may use, so that a keep-alive socket that its target is about to close does no harm.
 *
 * @module
 */

import { Agent, type AgentOptions, type ClientRequest } from "node:http";
import type { AgentOptions as SecureAgentOptions } from "node:https";
import type { Duplex } from "node:stream";
import { type Body, isStreamBody } from "../../shared/http/message.ts";
import { createProxyAgent } from "../../shared/net/proxy_agent.ts";
import { SecureAgent } from "../../shared/net/secure_agent.ts";
import { Deadline, Deadlines } from "../../shared/time/deadlines.ts";

/** How the certificate of an `https:` target is checked. */
export interface WebTls {
  /** Certificates of own authorities, in PEM. */
  readonly ca?: string | undefined;
  /** The connector's own certificate chain, in PEM. */
  readonly cert?: string | undefined;
  /** The private key of that certificate, in PEM. */
  readonly key?: string | undefined;
  /** Accept any certificate. */
  readonly insecureSkipVerify?: boolean | undefined;
}

/** Milliseconds until a proxy must have opened a tunnel. */
const TUNNEL_TIMEOUT_MS = 10_000;

/** Methods whose request may be sent again when nothing came back (RFC 9110 section 9.2.2). */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);

/** Whether a request can be sent a second time: it may be, and its body is still there. */
export function isRepeatable({ method, body }: { readonly method: string; readonly body: Body }): boolean {
  return IDEMPOTENT.has(method) && !isStreamBody(body);
}

/** Below the idle limits that servers usually have (5 s and more). */
export const IDLE_LIMIT_MS = 4_000;
/** Far below them, for calls that cannot be repaired. */
export const SHORT_IDLE_LIMIT_MS = 1_000;
export const DISTRUST_MS = 60_000;

/**
 * The sockets to one scheme's targets.
 *
 * A target may close a kept socket at the moment the next request is written to it. Then nobody knows whether the request was processed. An
 * idempotent one is simply sent again on a new socket; another one (a POST) must not be, and one whose body is a stream cannot be. It would become
 * a 502 for no fault of the client. Opening a new connection for each would avoid that, but costs a handshake, and the machine its free ports
 * under load. So those requests have sockets of their own that are given up after one second without use, long before a server's idle limit closes them.
 * A target that is seen to close kept sockets unannounced all the same is not trusted for a minute: each such request then has a connection
 * of its own.
 */
export class WebAgents implements Disposable {
  readonly #repeatable: KeptSockets;
  readonly #unrepeatable: KeptSockets;
  readonly #single: Agent;
  #distrustedUntil = 0;

  /** @param proxy The proxy on the way, if there is one. */
  constructor(protocol: "http:" | "https:", tls: WebTls, proxy?: URL) {
    const options: SecureAgentOptions = protocol === "http:" ? {} : {
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.insecureSkipVerify ? { rejectUnauthorized: false } : {}),
    };
    const create = (more: AgentOptions) => {
      if (proxy !== undefined) {
        return createProxyAgent(protocol, {
          tunnel: { proxy, timeoutMs: TUNNEL_TIMEOUT_MS },
          agent: { ...options, ...more },
        });
      }
      return protocol === "http:" ? new Agent(more) : new SecureAgent({ ...options, ...more });
    };
    this.#repeatable = new KeptSockets(create({ keepAlive: true }), IDLE_LIMIT_MS);
    this.#unrepeatable = new KeptSockets(create({ keepAlive: true }), SHORT_IDLE_LIMIT_MS);
    this.#single = create({ keepAlive: false });
  }

  /** The agent for a request that is sent for the first time, by whether it {@linkcode isRepeatable | can be repeated}. */
  forRequest(isRepeatable: boolean): Agent {
    if (isRepeatable) return this.#repeatable.agent;
    return performance.now() < this.#distrustedUntil ? this.#single : this.#unrepeatable.agent;
  }

  /** Notes that a kept socket died under a request, and returns the agent for the repeat: one that never reuses a socket. */
  afterStaleSocket(): Agent {
    this.#distrustedUntil = performance.now() + DISTRUST_MS;
    return this.#single;
  }

  /** An agent for a connection that becomes something else than HTTP. */
  forUpgrade(): Agent {
    return this.#single;
  }

  /** Whether no call is under way. */
  get isIdle(): boolean {
    return [this.#repeatable.agent, this.#unrepeatable.agent, this.#single].every((agent) =>
      Object.keys(agent.sockets).length === 0 && Object.keys(agent.requests).length === 0
    );
  }

  /** Closes what is not in use, and what is in use as soon as it is not. */
  retire(): void {
    this.#repeatable.retire();
    this.#unrepeatable.retire();
  }

  /** Closes all sockets, those in use too. */
  [Symbol.dispose](): void {
    this.#repeatable[Symbol.dispose]();
    this.#unrepeatable[Symbol.dispose]();
    this.#single.destroy();
  }
}

/** An agent whose free sockets are closed after a time. The agent's own `timeout` would do it with a timer per socket, 20 µs a request. */
class KeptSockets implements Disposable {
  readonly agent: Agent;
  readonly #idle: Deadlines;
  readonly #deadlineOf = new WeakMap<Duplex, Deadline>();
  #isRetired = false;

  constructor(agent: Agent, idleLimitMs: number) {
    this.agent = agent;
    this.#idle = new Deadlines(idleLimitMs);
    const keepSocketAlive = agent.keepSocketAlive.bind(agent);
    const reuseSocket = agent.reuseSocket.bind(agent);
    agent.keepSocketAlive = (socket: Duplex) => {
      if (this.#isRetired) return false;
      this.#idle.start(this.#deadline(socket));
      return keepSocketAlive(socket);
    };
    agent.reuseSocket = (socket: Duplex, request: ClientRequest) => {
      this.#idle.stop(this.#deadline(socket));
      reuseSocket(socket, request);
    };
  }

  retire(): void {
    this.#isRetired = true;
    for (const sockets of Object.values(this.agent.freeSockets)) {
      for (const socket of [...sockets ?? []]) socket.destroy();
    }
  }

  [Symbol.dispose](): void {
    this.#idle[Symbol.dispose]();
    this.agent.destroy();
  }

  #deadline(socket: Duplex): Deadline {
    let deadline = this.#deadlineOf.get(socket);
    if (deadline === undefined) {
      deadline = new Deadline(() => socket.destroy());
      this.#deadlineOf.set(socket, deadline);
    }
    return deadline;
  }
}
