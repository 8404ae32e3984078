/**
 * DNS, TCP and TLS towards an address, each for itself: what the platform's errors throw together.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import type { Agent } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, isIP } from "node:net";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { StepError } from "./step.ts";

/** Limits of one step. */
export interface SocketOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One certificate of a chain; nothing of it is proven. */
export interface SeenCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly validFrom: number;
  readonly validTo: number;
  /** What it is for, as `DNS:a, IP Address:b`; empty above the first. */
  readonly names: string;
}

/** Host without the brackets of IPv6, and port, of an `http:` or `https:` URL. */
export function endpointOf(address: URL): { readonly hostname: string; readonly port: number } {
  const hostname = address.hostname.replace(/^\[(.*)\]$/, "$1");
  return { hostname, port: address.port === "" ? (address.protocol === "https:" ? 443 : 80) : Number(address.port) };
}

/**
 * Asks for the addresses of a name.
 *
 * @param options `setting` names where the name is configured.
 * @throws {StepError} when there are none.
 */
export async function resolveName(
  hostname: string,
  { setting, ...options }: SocketOptions & { readonly setting: string },
): Promise<readonly string[]> {
  if (isIP(hostname) !== 0) return [hostname];
  try {
    const found = await withLimit(lookup(hostname, { all: true }), options);
    if (found.length > 0) return [...new Set(found.map(({ address }) => address))];
    throw new Error("it has no address");
  } catch (cause) {
    const advice = `Check how the name is spelled in ${setting}, and that this machine's DNS knows ${hostname}`;
    throw new StepError(`Cannot resolve ${hostname}: ${messageOf(cause)}`, advice, { cause });
  }
}

/**
 * Opens a connection and closes it again.
 *
 * @throws {StepError} when it cannot be opened.
 */
export async function openTcp(hostname: string, port: number, options: SocketOptions): Promise<void> {
  const socket = connect({ host: hostname, port });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", () => resolve());
  // It stays for good: what is destroyed may error afterwards.
  socket.on("error", reject);
  try {
    await withLimit(promise, options);
  } catch (cause) {
    const refused = /ECONNREFUSED|refused/.test(messageOf(cause));
    const advice = refused
      ? `Nothing listens on port ${port}, or a firewall refuses: check the port, that the server runs, and whether a proxy is needed`
      : `A firewall may drop what goes to port ${port}: it must be open outgoing, or a proxy configured`;
    throw new StepError(`Cannot connect to ${hostname} port ${port}: ${messageOf(cause)}`, advice, { cause });
  } finally {
    socket.destroy();
  }
}

/**
 * Shakes hands over TLS without trusting anybody, and reads the chain that is shown, the server's own certificate first.
 *
 * @returns Empty when none was shown.
 */
export async function readChain(
  address: URL,
  agent: Agent | undefined,
  options: SocketOptions,
): Promise<readonly SeenCertificate[]> {
  return await handshake(address, { agent, isChecked: false }, options);
}

/**
 * Shakes hands over TLS and checks the certificate as the connector does.
 *
 * @throws {Error} with the platform's reason.
 */
export async function checkCertificate(
  address: URL,
  agent: Agent | undefined,
  options: SocketOptions,
): Promise<void> {
  await handshake(address, { agent, isChecked: true }, options);
}

async function handshake(
  address: URL,
  { agent, isChecked }: { readonly agent: Agent | undefined; readonly isChecked: boolean },
  options: SocketOptions,
): Promise<readonly SeenCertificate[]> {
  const { hostname, port } = endpointOf(address);
  const { promise, resolve, reject } = Promise.withResolvers<readonly SeenCertificate[]>();
  const request = httpsRequest({
    host: hostname,
    port,
    agent: agent ?? false,
    ...(isChecked ? {} : { rejectUnauthorized: false }),
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
  });
  request.on("error", reject);
  request.on("socket", (socket) => {
    const read = () => resolve(toChain((socket as TLSSocket).getPeerCertificate(true)));
    // A tunnel through a proxy is handed over when its handshake is over.
    if ((socket as TLSSocket).getPeerCertificate?.(true)?.subject !== undefined) read();
    else socket.once("secureConnect", read);
  });
  try {
    return await withLimit(promise, options);
  } finally {
    request.destroy();
  }
}

function toChain(first: DetailedPeerCertificate | null): readonly SeenCertificate[] {
  const chain: SeenCertificate[] = [];
  const seen = new Set<string>();
  for (let each = first; each?.subject !== undefined && !seen.has(each.fingerprint256); each = each.issuerCertificate) {
    seen.add(each.fingerprint256);
    chain.push({
      subject: nameOf(each.subject),
      issuer: nameOf(each.issuer),
      validFrom: Date.parse(each.valid_from),
      validTo: Date.parse(each.valid_to),
      names: chain.length === 0 ? each.subjectaltname ?? "" : "",
    });
  }
  return chain;
}

function nameOf(name: DetailedPeerCertificate["subject"] | undefined): string {
  return [name?.CN, name?.O, name?.OU].flat().find((part) => typeof part === "string" && part !== "") ?? "(no name)";
}

/** The words of an error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function withLimit<T>(promise: Promise<T>, { timeoutMs, signal }: SocketOptions): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {});
  }
}
