/**
 * A connection through an HTTP proxy: `CONNECT` (RFC 9110 section 9.3.6), answered by the proxy before a byte goes to the other side.
 *
 * The request is written here and not by `node:http`: before Deno 2.9 that puts a slash in front of the authority, which makes it a path to
 * proxies (tinyproxy answers 500), and it does not know the answer to `CONNECT`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect, isIP, isIPv6, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { readTunnelAnswer } from "./tunnel_answer.ts";
import { ProxyError, proxyName } from "./proxy_error.ts";

/** Where a tunnel leads. */
export interface Destination {
  /** Name or address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** How a tunnel is made. */
export interface TunnelOptions {
  /** `http:` or `https:`, with or without user and password. */
  readonly proxy: URL;
  /** Milliseconds until the proxy must have answered. */
  readonly timeoutMs: number;
  /** Certificates (PEM) that an `https:` proxy's certificate is checked against, instead of the platform's. */
  readonly ca?: string | readonly string[] | undefined;
}

/**
 * Asks a proxy for a tunnel.
 *
 * @param take Gets the socket, which now leads to the destination, in the very moment in which the answer has come: before anything else is
 * read from it.
 * @returns What `take` made of the socket.
 * @throws {ProxyError} every code.
 */
export function openTunnel<T>(
  destination: Destination,
  options: TunnelOptions,
  take: (socket: Socket) => T,
): Promise<Awaited<T>> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<T>>();
  const name = proxyName(options.proxy);
  const socket = connectToProxy(options);
  let received = Buffer.alloc(0);
  const end = () => {
    clearTimeout(timer);
    socket.off("data", read).off("close", onClose);
  };
  const fail = (error: ProxyError) => {
    end();
    socket.destroy();
    reject(error);
  };
  const unreachable = (reason: string, cause?: unknown) =>
    fail(new ProxyError("proxy_unreachable", `Cannot reach the proxy ${name}: ${reason}`, { cause }));
  const onClose = () => unreachable("it closed the connection without an answer");
  const timer = setTimeout(() => {
    fail(new ProxyError("proxy_silent", `The proxy ${name} gave no answer within ${options.timeoutMs} ms`));
  }, options.timeoutMs);
  const read = (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    const answer = readTunnelAnswer(received);
    if (answer === "incomplete") return;
    if (answer === "invalid") return unreachable("what answers there speaks no HTTP");
    const { status, restBytes } = answer;
    if (status < 200 || status > 299) return fail(refusal(name, status));
    if (restBytes > 0) {
      // Nobody has spoken to the other side yet, so this comes from the proxy: a page of a captive portal, most likely.
      return fail(new ProxyError("proxy_refused", `The proxy ${name} answered with a page instead of a tunnel`));
    }
    end();
    Promise.try(take, socket).then(resolve, reject);
  };
  socket.on("data", read).on("close", onClose);
  // It stays for good: an error after the end must find a listener.
  socket.on("error", (cause) => unreachable(cause.message, cause));
  socket.write(connectRequest(destination, options.proxy));
  return promise;
}

function connectToProxy({ proxy, ca }: TunnelOptions): Socket {
  const isSecure = proxy.protocol === "https:";
  const host = proxy.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = proxy.port === "" ? (isSecure ? 443 : 80) : Number(proxy.port);
  if (!isSecure) return connect({ host, port, noDelay: true });
  return connectTls({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
  });
}

function connectRequest({ host, port }: Destination, proxy: URL): string {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...authorization(proxy), "", ""].join("\r\n");
}

function authorization({ username, password }: URL): readonly string[] {
  if (username === "" && password === "") return [];
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return [`Proxy-Authorization: Basic ${Buffer.from(credentials, "utf8").toString("base64")}`];
}

function refusal(name: string, status: number): ProxyError {
  // tinyproxy says 401 when credentials came and were wrong.
  if (status === 407 || status === 401) {
    return new ProxyError("proxy_authentication", `The proxy ${name} refused the credentials (${status})`);
  }
  if (status >= 500) {
    return new ProxyError("proxy_cannot_connect", `The proxy ${name} could not connect there (${status})`);
  }
  return new ProxyError("proxy_refused", `The proxy ${name} refused the connection (${status})`);
}
