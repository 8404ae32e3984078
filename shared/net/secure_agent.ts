/**
 * The agent for `https:`. Deno's own asks for the permission to read the system's certificates even where they are not used; this one leaves
 * them to the platform's TLS, which needs none.
 *
 * @module
 */

import { Agent } from "node:https";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

/** Like the agent of `node:https`, with the same options. */
export class SecureAgent extends Agent {
  /** Called by `node:https`. */
  override createConnection(options: ConnectionOptions): TLSSocket {
    return withListener(connect(options));
  }
}

/** An error that comes when nobody uses the socket any more, or not yet again, must find a listener: it would end the program. */
export function withListener(socket: TLSSocket): TLSSocket {
  return socket.on("error", () => {});
}
