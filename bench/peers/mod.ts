/**
 * All peers, in the order of the tables.
 *
 * @module
 */

import { bareRelay } from "./bare.ts";
import { direct } from "./direct.ts";
import { fetchProxy } from "./fetch.ts";
import { localtunnel } from "./localtunnel.ts";
import { nginx } from "./nginx.ts";
import type { Peer } from "./peer.ts";
import { LISTENERS, relay } from "./relay.ts";
import { ssh } from "./ssh.ts";

export { bareRelay, direct, fetchProxy, localtunnel, nginx, ssh };
export {
  LISTENERS,
  type RelayServerProgram,
  type ServerSettings,
  startRelayConnector,
  startRelayServer,
} from "./relay.ts";
export type { Peer, PeerOptions, RunningPeer } from "./peer.ts";

/** The relay with its default listener. */
export const defaultRelay: Peer = relay(LISTENERS[0]);

/** The same with all bodies over the WebSocket. */
export const webSocketRelay: Peer = relay(LISTENERS[0], { bodyTransfer: "websocket" });

/** The relay, once with each listener that there is, the default first. */
export const relays: readonly Peer[] = LISTENERS.map((listener) => relay(listener));
