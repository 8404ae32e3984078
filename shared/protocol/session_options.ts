/**
 * What a session is given, and what it tells.
 *
 * @module
 */

import type { GoAwayReason, Reconnect } from "./frame.ts";
import type { ConnectionSettings, ServedTargets } from "./handshake_heads.ts";
import type { HttpBodyCarrier } from "./http_bodies.ts";
import type { Acknowledges, RequestHandler } from "./incoming_exchange.ts";
import type { ProtocolError } from "./protocol_error.ts";

/** What a session tells its owner. Handlers must not throw. */
export interface SessionHandlers {
  /** Connector only: answers a request. */
  readonly request?: RequestHandler;
  /** Connector only: when a request counts as received; `receipt` unless given. */
  readonly acknowledges?: Acknowledges;
  /** Connector only: carries large bodies by HTTP; without it they all go by this connection. */
  readonly httpBodies?: HttpBodyCarrier;
  /** Connector only: the server changed the settings. */
  readonly configure?: (settings: ConnectionSettings) => void;
  /** Server only: the connector renewed its token. */
  readonly authenticate?: (token: string) => void;
  /** Server only: the connector serves other targets, or their health has changed. */
  readonly targets?: (served: ServedTargets) => void;
  /** Server only: a delivery has ended, so there is room for another. */
  readonly deliveryEnded?: () => void;
  /** The peer wants to stop. */
  readonly goAway?: (reason: GoAwayReason, reconnect: Reconnect) => void;
}

/** How a session is set up, the outcome of the handshake. */
export interface SessionOptions {
  readonly settings: ConnectionSettings;
  /** Largest frame this side takes, in bytes. */
  readonly maxMessageBytes: number;
  /** Largest frame the peer takes, in bytes. */
  readonly peerMaxMessageBytes: number;
  readonly handlers: SessionHandlers;
}

/** How a session ended. */
export interface SessionEnd {
  /** Close code, 1006 when the connection broke. */
  readonly code: number;
  readonly reason: string;
  /** Set when this side ended it because of what the peer did. */
  readonly error?: ProtocolError;
}
