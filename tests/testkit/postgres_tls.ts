/**
 * A PostgreSQL server that wants TLS: speaks TLS as its protocol wants it, and passes what comes on to one that does not.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { TcpAddress } from "./tcp_relay.ts";

/** PEM texts. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
}

/** A server that wants TLS. */
export interface PostgresTls extends AsyncDisposable {
  readonly port: number;
}

/** What a client asks for TLS with (PostgreSQL, "Message Formats", SSLRequest). */
const TLS_REQUEST = "0000000804d2162f";

/** Starts it on all addresses of this machine. */
export async function startPostgresTls(target: TcpAddress, material: TlsMaterial): Promise<PostgresTls> {
  const sockets = new Set<Socket>();
  const track = <T extends Socket>(socket: T): T => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    return socket;
  };
  const secure = createTlsServer({ ...material }, (client) => {
    const plain = track(connect(target.port, target.hostname));
    track(client).pipe(plain).pipe(client);
    client.on("close", () => plain.destroy());
    plain.on("close", () => client.destroy());
  });
  const server = createServer((socket) => {
    track(socket).once("data", (request: Uint8Array) => {
      if (new Uint8Array(request).toHex() === TLS_REQUEST) {
        socket.write("S");
        secure.emit("connection", socket);
      } else {
        socket.destroy();
      }
    });
  });
  server.listen(0, "0.0.0.0");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
