/**
 * Tells targets who the client is: `X-Forwarded-*`, `Forwarded` (RFC 7239) and `Via`.
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";
import type { Hop, InterceptedRequest, Interceptor, InterceptorContext } from "../interceptors/mod.ts";

/** Whether an address belongs to a proxy whose forwarding headers are believed. */
export type IsTrustedProxy = (address: string) => boolean;

/** The pseudonym in `Via`. */
const VIA = "1.1 relayserver";
const FORWARDING = new Set(["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via"]);

/** The built-in interceptor, which sees every request first. */
export class ForwardedHeaders implements Interceptor {
  readonly name = "forwarded-headers";
  readonly #isTrustedProxy: IsTrustedProxy;

  constructor(isTrustedProxy: IsTrustedProxy) {
    this.#isTrustedProxy = isTrustedProxy;
  }

  /** Replaces the forwarding headers. */
  interceptRequest(
    { headers }: Pick<InterceptedRequest, "headers">,
    { hop }: Pick<InterceptorContext, "hop">,
  ): { readonly headers: HeaderLine[] } {
    const kept: HeaderLine[] = [];
    const received = collect(headers, kept);
    writeForwarded(kept, received, { hop, isTrustedProxy: this.#isTrustedProxy });
    return { headers: kept };
  }
}

/** Those of a trusted peer are extended, those of anybody else replaced. */
function writeForwarded(
  lines: HeaderLine[],
  received: Record<string, string> | undefined,
  { hop, isTrustedProxy }: { readonly hop: Hop; readonly isTrustedProxy: IsTrustedProxy },
): void {
  const address = plainAddress(hop.peerAddress);
  const believed = isTrustedProxy(address) ? received : undefined;
  const element = `for=${forwardedNode(address)};host=${quoted(hop.host)};proto=${hop.scheme}`;
  lines.push(
    ["X-Forwarded-For", append(believed?.["x-forwarded-for"], address)],
    ["X-Forwarded-Host", believed?.["x-forwarded-host"] ?? hop.host],
    ["X-Forwarded-Proto", believed?.["x-forwarded-proto"] ?? hop.scheme],
    ["Forwarded", append(believed?.forwarded, element)],
    ["Via", append(believed?.via, VIA)],
  );
}

/** The client's address: the peer, or the last address that no trusted proxy has. */
export function clientAddress(headers: HeaderLines, peerAddress: string, isTrustedProxy: IsTrustedProxy): string {
  let address = plainAddress(peerAddress);
  if (!isTrustedProxy(address)) return address;
  const chain =
    collect(headers)?.["x-forwarded-for"]?.split(",").map((part) => part.trim()).filter((part) => part !== "") ?? [];
  while (isTrustedProxy(address) && chain.length > 0) address = chain.pop()!;
  return address;
}

/** Where a client sent its request. */
export interface ForwardedOrigin {
  readonly scheme: "http" | "https" | undefined;
  readonly host: string | undefined;
}

/** What trusted proxies tell of where the client sent its request. Behind several of them the first one has met the client. */
export function forwardedOrigin(
  { headers, peerAddress }: { readonly headers: HeaderLines; readonly peerAddress: string },
  isTrustedProxy: IsTrustedProxy,
): ForwardedOrigin {
  const received = isTrustedProxy(plainAddress(peerAddress)) ? collect(headers) : undefined;
  const first = (name: string) => received?.[name]?.split(",")[0]?.trim() || undefined;
  const scheme = first("x-forwarded-proto")?.toLowerCase();
  return { scheme: scheme === "https" || scheme === "http" ? scheme : undefined, host: first("x-forwarded-host") };
}

/**
 * The forwarding headers by name, repeated ones joined; `undefined` when there are none, as in most requests.
 *
 * @param others Gets all other headers.
 */
function collect(headers: HeaderLines, others?: HeaderLine[]): Record<string, string> | undefined {
  let found: Record<string, string> | undefined;
  for (const line of headers) {
    const name = line[0].toLowerCase();
    if (!FORWARDING.has(name)) {
      others?.push(line);
      continue;
    }
    found ??= {};
    found[name] = append(found[name], line[1]);
  }
  return found;
}

function append(value: string | undefined, element: string): string {
  return value === undefined || value === "" ? element : `${value}, ${element}`;
}

/** IPv4 addresses in IPv6 clothing are written as what they are. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function forwardedNode(address: string): string {
  return address.includes(":") ? `"[${address}]"` : address;
}

function quoted(host: string): string {
  return /^[A-Za-z0-9._-]+$/.test(host) ? host : `"${host}"`;
}
