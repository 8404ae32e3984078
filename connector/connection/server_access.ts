/**
 * Opens sessions with one server: discovery, token, WebSocket, handshake.
 *
 * @module
 */

import type { Hello, Welcome } from "../../shared/protocol/handshake_heads.ts";
import { offerSession } from "../../shared/protocol/handshake.ts";
import { ProtocolError } from "../../shared/protocol/protocol_error.ts";
import type { Session, SessionHandlers } from "../../shared/protocol/session.ts";
import { ConnectError } from "./connect_error.ts";
import { dial } from "./dial.ts";
import { discover, reasonOf } from "./discovery.ts";
import { type AccessToken, type Credentials, fetchToken } from "./token.ts";

/** How a server is reached. */
export interface ServerAccessOptions {
  readonly credentials: Credentials;
  readonly connector: Hello["connector"];
  /** Names of the targets. */
  readonly targets: readonly string[];
  /** Certificates (PEM) that the server's certificate is checked against, instead of the platform's. */
  readonly ca?: readonly string[];
  /** `fetch`, or one that knows the same certificates. */
  readonly fetch: typeof fetch;
}

/** An open connection. */
export interface OpenedSession {
  readonly session: Session;
  readonly welcome: Welcome;
  readonly token: AccessToken;
}

/** Milliseconds for each step of connecting. */
const STEP_TIMEOUT_MS = 15_000;
/** Largest message taken from the server, in bytes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** One server as a connector sees it. */
export class ServerAccess {
  readonly baseUri: string;
  readonly #options: ServerAccessOptions;

  constructor(baseUri: string, options: ServerAccessOptions) {
    this.baseUri = baseUri;
    this.#options = options;
  }

  /**
   * Opens a session.
   *
   * @throws {ConnectError} every code.
   */
  async open(handlers: SessionHandlers, signal: AbortSignal): Promise<OpenedSession> {
    const { connectorEndpoint, authorizationServer } = await discover(this.baseUri, this.#http(signal));
    const token = await fetchToken(authorizationServer, this.#options.credentials, this.#http(signal));
    const { ca, connector, targets } = this.#options;
    const pipe = await dial(connectorEndpoint, {
      token: token.token,
      ...(ca === undefined ? {} : { ca }),
      maxMessageBytes: MAX_MESSAGE_BYTES,
      timeoutMs: STEP_TIMEOUT_MS,
      signal,
    });
    try {
      const hello = { connector, targets: [...targets], limits: { maxMessageBytes: MAX_MESSAGE_BYTES } };
      const { session, welcome } = await offerSession(pipe, { hello, timeoutMs: STEP_TIMEOUT_MS, handlers, signal });
      return { session, welcome, token };
    } catch (cause) {
      const code = cause instanceof ProtocolError ? "protocol_mismatch" : "server_unreachable";
      throw new ConnectError(code, `The handshake with ${connectorEndpoint} failed: ${reasonOf(cause)}`, { cause });
    }
  }

  /**
   * Gets a fresh token for a session that is open.
   *
   * @throws {ConnectError} as `open`.
   */
  async renewToken(signal: AbortSignal): Promise<AccessToken> {
    const { authorizationServer } = await discover(this.baseUri, this.#http(signal));
    return await fetchToken(authorizationServer, this.#options.credentials, this.#http(signal));
  }

  #http(signal: AbortSignal) {
    return { fetch: this.#options.fetch, timeoutMs: STEP_TIMEOUT_MS, signal };
  }
}
