/**
 * Proxies for tests: one that works, and those that do not.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";

/** A proxy on this machine. */
export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  readonly url: URL;
  /** Destinations that were asked for, in order. */
  readonly asked: readonly string[];
  /** Connections that are open now. */
  readonly open: number;
  /** Resolves when nobody is connected any more. */
  left(): Promise<void>;
  /** Cuts every connection. */
  cut(): void;
}

/** Who may pass; everybody when absent. */
export interface TestProxyOptions {
  /** `user:password`. */
  readonly credentials?: string;
  /** Certificate and key (PEM) of a proxy that is itself reached over TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts a proxy that knows `CONNECT` and nothing else. */
export function startTestProxy({ credentials, tls }: TestProxyOptions = {}): Promise<TestProxy> {
  const asked: string[] = [];
  const refuse = (_request: unknown, response: ServerResponse) => void response.writeHead(405).end();
  const server = tls === undefined ? createServer(refuse) : createSecureServer(tls, refuse);
  const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    asked.push(request.url ?? "");
    socket.on("error", () => {});
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted) {
      return void socket.end('HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n');
    }
    const [, host = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(request.url ?? "") ?? [];
    const upstream = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    upstream.on("close", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  });
  return listen(server, { asked, scheme: tls === undefined ? "http" : "https" });
}

/** Starts something that answers what comes first on every connection with these bytes; with nothing when absent. */
export function startBrokenProxy(answer?: string): Promise<TestProxy> {
  const server = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => answer === undefined ? undefined : socket.end(answer));
  });
  return listen(server, { asked: [], scheme: "http" });
}

async function listen(
  server: ReturnType<typeof createTcpServer>,
  { asked, scheme }: { readonly asked: readonly string[]; readonly scheme: string },
): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  let onLeft = () => {};
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) onLeft();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const cut = () => sockets.forEach((socket) => socket.destroy());
  return {
    port,
    url: new URL(`${scheme}://127.0.0.1:${port}`),
    asked,
    get open() {
      return sockets.size;
    },
    left: () => sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => onLeft = resolve),
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A certificate of a test authority, valid for a hundred years; its key is nowhere. */
export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUNx3gLkK+w9HO8AlxpC3whC+vTNowCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjcxNzA5MzNaGA8yMTI2MTEwMzE3MDkz
M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABIgc
0qZpDydDdVTuFstZV4gxWLYtGN/pPaq52viTcz61GGJLuE2TllZYIUirfc3e0xgU
AB/1WyKCOGIdf7oAvWyjUzBRMB0GA1UdDgQWBBT+q0HjYZWBQsI5Zfuk9oUPeCeL
aTAfBgNVHSMEGDAWgBT+q0HjYZWBQsI5Zfuk9oUPeCeLaTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIHBTATRlq0/5n+1J3s5uzX/2X0D7rKKqvdgm
1uSXC/pYAiEAqqZiwRW/6z0vXAfOLElT8QmxG3M4Ack9fbX2AYL5zsw=
-----END CERTIFICATE-----
`;
