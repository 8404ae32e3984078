/**
 * TLS over a tunnel, handed to `node:https` as it needs it.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";

/** The socket's own handle, as base runtimes before Deno 2.9 have it. */
interface OlderSocket {
  readonly _handle?: { pauseOnCreate?: boolean };
}

/**
 * Waits for TLS where the runtime cannot do that itself. From Deno 2.9 on a socket is ready at once. Before, `node:https` takes the connection
 * away from under the socket: TLS must be there by then, nobody may be reading from it, and the socket must say that it is encrypted, or
 * TLS is begun a second time. Executables are made with such base runtimes where there is no other.
 */
export function readyForRequests(socket: TLSSocket): TLSSocket | Promise<TLSSocket> {
  // A property that `node:tls` documents as always true, and that those runtimes lack.
  if (socket.encrypted) return socket;
  const { _handle: handle } = socket as unknown as OlderSocket;
  if (handle !== undefined) handle.pauseOnCreate = true;
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(Object.assign(socket, { encrypted: true as const })));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the connection was closed before TLS was there")));
  });
}
