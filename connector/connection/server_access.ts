/**
 * Opens sessions with one server: discovery, token, WebSocket, handshake.
 *
 * @module
 */

import type { Hello, ServedTargets, Welcome } from "../../shared/protocol/handshake_heads.ts";
import { describeCertificate, isCertificateFailure } from "../../shared/net/certificate_fault.ts";
import { readPeerCertificate } from "../../shared/net/peer_certificate.ts";
import { offerSession } from "../../shared/protocol/handshake.ts";
import { ProtocolError } from "../../shared/protocol/protocol_error.ts";
import type { Session } from "../../shared/protocol/session.ts";
import type { SessionHandlers } from "../../shared/protocol/session_options.ts";
import { ClockSkew } from "./clock_skew.ts";
import { adviceFor, proxyErrorIn } from "./connect_advice.ts";
import { ConnectError } from "./connect_error.ts";
import { dial } from "./dial.ts";
import { discover, type Discovery, reasonOf } from "./discovery.ts";
import { HttpBodies, HttpBodyTrust } from "./http_bodies.ts";
import type { Network } from "./network.ts";
import { type AccessToken, type Credentials, fetchToken } from "./token.ts";

/** How a server is reached. */
export interface ServerAccessOptions {
  /** As they are now; they may change while the connector runs. */
  readonly credentials: () => Credentials;
  readonly connector: Hello["connector"];
  /** What the connector serves now. */
  readonly targets: () => ServedTargets;
  readonly network: Network;
}

/** An open connection. */
export interface OpenedSession {
  readonly session: Session;
  readonly welcome: Welcome;
  readonly token: AccessToken;
  /** What the server was told in the handshake. */
  readonly served: ServedTargets;
  /** Path of the server's public URL, without a slash at its end; empty when it lives at its root. */
  readonly basePath: string;
  /** How far the clocks are apart, in words; absent when they agree. */
  readonly clockSkew: string | undefined;
}

/** Milliseconds for each step of connecting. */
const STEP_TIMEOUT_MS = 15_000;
/** Largest message taken from the server, in bytes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** One server as a connector sees it. */
export class ServerAccess {
  readonly baseUri: string;
  readonly #options: ServerAccessOptions;
  readonly #clock = new ClockSkew();
  readonly #httpBodyTrust = new HttpBodyTrust();
  /** The newest one; all of them are good for the same. */
  #token: AccessToken | undefined;

  constructor(baseUri: string, options: ServerAccessOptions) {
    this.baseUri = baseUri;
    this.#options = options;
  }

  /**
   * Opens a session.
   *
   * @throws {ConnectError} every code; the message says what a person can do.
   */
  async open(handlers: SessionHandlers, signal: AbortSignal): Promise<OpenedSession> {
    this.#clock.reset();
    let discovery: Discovery | undefined;
    try {
      discovery = await discover(this.baseUri, this.#http(signal));
      const token = await fetchToken(discovery.authorizationServer, this.#options.credentials(), this.#http(signal));
      this.#token = token;
      const opened = await this.#openSession(discovery, { token, handlers, signal });
      return { ...opened, token, basePath: basePathOf(discovery), clockSkew: this.#clock.describe() };
    } catch (error) {
      throw await this.#explained(error, { discovery, signal });
    }
  }

  /**
   * Gets a fresh token for a session that is open.
   *
   * @throws {ConnectError} as `open`.
   */
  async renewToken(signal: AbortSignal): Promise<AccessToken> {
    try {
      const { authorizationServer } = await discover(this.baseUri, this.#http(signal));
      return this.#token = await fetchToken(authorizationServer, this.#options.credentials(), this.#http(signal));
    } catch (error) {
      throw await this.#explained(error, { signal });
    }
  }

  async #openSession(
    discovery: Discovery,
    options: { readonly token: AccessToken; readonly handlers: SessionHandlers; readonly signal: AbortSignal },
  ): Promise<Pick<OpenedSession, "session" | "welcome" | "served">> {
    const { token, handlers, signal } = options;
    const { connectorEndpoint: endpoint } = discovery;
    const { connector, targets, network } = this.#options;
    const pipe = await dial(endpoint, {
      token: token.token,
      agent: network.agentFor(new URL(endpoint)),
      maxMessageBytes: MAX_MESSAGE_BYTES,
      timeoutMs: STEP_TIMEOUT_MS,
      signal,
    });
    try {
      const served = targets();
      const limits = { maxMessageBytes: MAX_MESSAGE_BYTES };
      const httpBodies = this.#httpBodies(discovery);
      const opened = await offerSession(pipe, {
        hello: { connector, ...served, limits, ...(httpBodies === undefined ? {} : { httpBodies: true }) },
        timeoutMs: STEP_TIMEOUT_MS,
        handlers: httpBodies === undefined ? handlers : { ...handlers, httpBodies },
        signal,
      });
      httpBodies?.connected(opened.welcome.server.originId);
      return { ...opened, served };
    } catch (cause) {
      const code = cause instanceof ProtocolError ? "protocol_mismatch" : "server_unreachable";
      throw new ConnectError(code, `The handshake with ${endpoint} failed: ${reasonOf(cause)}`, { cause });
    }
  }

  #httpBodies({ requestEndpoint, responseEndpoint }: Discovery): HttpBodies | undefined {
    if (requestEndpoint === undefined || responseEndpoint === undefined) return undefined;
    return new HttpBodies({ requestEndpoint, responseEndpoint }, this.#httpBodyTrust, {
      network: this.#options.network,
      token: () => this.#token?.token ?? "",
    });
  }

  /** The same error, with what can be found out about its reason and what a person can do. */
  async #explained(
    error: unknown,
    { discovery, signal }: { readonly discovery?: Discovery | undefined; readonly signal: AbortSignal },
  ): Promise<unknown> {
    if (!(error instanceof ConnectError) || signal.aborted) return error;
    const isOfProxy = proxyErrorIn(error) !== undefined;
    if (isCertificateFailure(error) && !isOfProxy && this.baseUri.startsWith("https:")) {
      return await this.#explainCertificate(error, signal);
    }
    const parts = [error.message];
    if (error.code === "not_a_relayserver" && discovery !== undefined) {
      parts.push(`its discovery document says version ${discovery.serverVersion.slice(0, 50)}`);
    }
    const skew = error.code === "authentication_failed" ? this.#clock.describe() : undefined;
    parts.push(...[skew, adviceFor(error)].filter((part) => part !== undefined));
    return new ConnectError(isOfProxy ? "proxy_failed" : error.code, parts.join("; "), { cause: error });
  }

  async #explainCertificate(error: ConnectError, signal: AbortSignal): Promise<ConnectError> {
    const { network } = this.#options;
    const address = new URL(this.baseUri);
    const agent = network.agentFor(address);
    const certificate = await readPeerCertificate(address, { agent, timeoutMs: STEP_TIMEOUT_MS, signal });
    const what = certificate === undefined
      ? "check the certificate"
      : describeCertificate(certificate, { host: address.hostname, now: Date.now(), setting: "caFile" });
    return new ConnectError("certificate_refused", `${error.message}; ${what}`, { cause: error });
  }

  #http(signal: AbortSignal) {
    const { network } = this.#options;
    const observed: typeof fetch = async (input, init) => {
      const response = await network.fetch(input, init);
      this.#clock.observe(response.headers.get("date"), Date.now());
      return response;
    };
    return { fetch: observed, timeoutMs: STEP_TIMEOUT_MS, signal };
  }
}

function basePathOf({ connectorEndpoint }: Discovery): string {
  return new URL(connectorEndpoint).pathname.replace(/\/connector$/, "").replace(/\/+$/, "");
}
