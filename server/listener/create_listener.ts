/**
 * Picks the implementation of a listener.
 *
 * @module
 */

import type { Listener, ListenerHandler, ListenOptions } from "./listener.ts";
import { listenNative } from "./native_listener.ts";
import { listenNode, type TlsOptions } from "./node_listener.ts";

/** Files with certificate chain and key, in PEM; both or none. */
export interface TlsFiles {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Where, how and by which implementation to listen. */
export interface ListenerOptions extends ListenOptions {
  readonly listener: "native" | "node";
  /** With files HTTPS is spoken, always by `node`: `Deno.serve` waits 44 ms for every answer over TLS. */
  readonly tls: TlsFiles;
  /** How long a client may take for the head of a request, in milliseconds; `native` has no such limit. */
  readonly headerTimeoutMs: number;
  /** Largest WebSocket message taken, in bytes; `native` cannot tell before it has it. */
  readonly maxMessageBytes: number;
}

/**
 * Starts listening.
 *
 * @throws {Error} when the address is taken, or a file cannot be read or used.
 */
export async function createListener(handler: ListenerHandler, options: ListenerOptions): Promise<Listener> {
  const { hostname, port, listener, headerTimeoutMs, maxMessageBytes } = options;
  const tls = await readTls(options.tls);
  try {
    if (listener === "native" && tls === undefined) return listenNative(handler, { hostname, port });
    return await listenNode(handler, { hostname, port, tls, headerTimeoutMs, maxMessageBytes });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot listen on ${hostname}, port ${port}: ${reason}`, { cause });
  }
}

/** Whether these files are for HTTPS. */
export function isTlsOn({ certFile, keyFile }: TlsFiles): boolean {
  return certFile !== undefined && keyFile !== undefined;
}

async function readTls({ certFile, keyFile }: TlsFiles): Promise<TlsOptions | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined;
  let tls: TlsOptions;
  try {
    const [cert, key] = await Promise.all([Deno.readTextFile(certFile), Deno.readTextFile(keyFile)]);
    tls = { cert, key };
  } catch (cause) {
    throw new Error(`Cannot listen: ${certFile} or ${keyFile} cannot be read`, { cause });
  }
  try {
    // `node:https` starts with anything, and fails every handshake without a word.
    Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...tls }).close();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Cannot listen: ${certFile} and ${keyFile} cannot be used for TLS: ${reason}`, { cause });
  }
  return tls;
}
