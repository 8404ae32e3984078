/**
 * A connection through an HTTP proxy: `CONNECT` (RFC 9110 section 9.3.6), answered by the proxy before a byte goes to the other side.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIPv6, type Socket } from "node:net";
import { ProxyError, proxyName } from "./proxy_error.ts";
import { SecureAgent } from "./secure_agent.ts";

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
 * @returns The socket, which now leads to the destination.
 * @throws {ProxyError} every code.
 */
export function openTunnel(destination: Destination, options: TunnelOptions): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const name = proxyName(options.proxy);
  const request = openConnect(destination, options);
  const end = () => {
    clearTimeout(timer);
    // It stays for good: an error after the end must find a listener.
    request.on("error", () => {});
  };
  const fail = (error: ProxyError) => {
    end();
    request.destroy();
    reject(error);
  };
  const timer = setTimeout(() => {
    fail(new ProxyError("proxy_silent", `The proxy ${name} gave no answer within ${options.timeoutMs} ms`));
  }, options.timeoutMs);
  request.on("connect", (answer: IncomingMessage, socket: Socket, head: Buffer) => {
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || statusCode > 299) {
      socket.destroy();
      return fail(refusal(name, statusCode));
    }
    if (head.length > 0) {
      // Nobody has spoken to the other side yet, so this comes from the proxy: a page of a captive portal, most likely.
      socket.destroy();
      return fail(new ProxyError("proxy_refused", `The proxy ${name} answered with a page instead of a tunnel`));
    }
    end();
    resolve(socket);
  });
  request.on("response", (answer) => fail(refusal(name, answer.statusCode ?? 0)));
  request.on("error", (cause) => {
    fail(new ProxyError("proxy_unreachable", `Cannot reach the proxy ${name}: ${cause.message}`, { cause }));
  });
  request.end();
  return promise;
}

function openConnect(destination: Destination, { proxy, ca }: TunnelOptions): ClientRequest {
  const host = isIPv6(destination.host) ? `[${destination.host}]` : destination.host;
  const authority = `${host}:${destination.port}`;
  const isSecure = proxy.protocol === "https:";
  const options: RequestOptions = {
    host: proxy.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: proxy.port === "" ? (isSecure ? 443 : 80) : Number(proxy.port),
    method: "CONNECT",
    path: authority,
    agent: false,
    headers: { Host: authority, ...authorization(proxy) },
  };
  if (!isSecure) return httpRequest(options);
  return httpsRequest({ ...options, agent: new SecureAgent(ca === undefined ? {} : { ca: [ca].flat() }) });
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "Proxy-Authorization": `Basic ${Buffer.from(credentials, "utf8").toString("base64")}` };
}

function refusal(name: string, status: number): ProxyError {
  // tinyproxy says 401 when credentials came and were wrong.
  if (status === 407 || status === 401) {
    return new ProxyError("proxy_authentication", `The proxy ${name} refused the credentials (${status})`);
  }
  return new ProxyError("proxy_refused", `The proxy ${name} refused the connection (${status})`);
}
