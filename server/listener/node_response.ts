/**
 * Writes answers through `node:http`: header lines as they are, every body framed, and no body that broke off looks complete.
 *
 * @module
 */

import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { type Body, isStreamBody, type RelayResponse } from "../../shared/http/message.ts";

/** Longer than the minute for which load balancers usually keep connections, so that they, not the server, give them up. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;
const KEEP_ALIVE = `timeout=${KEEP_ALIVE_TIMEOUT_MS / 1000}`;

/** What an answer answers. */
export interface Answered {
  readonly method: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/**
 * Writes an answer. A stream is written from here on as fast as the client takes it.
 *
 * @throws {RelayError} `target_invalid_response` when it cannot be written as HTTP; nothing has been written then.
 */
export function writeAnswer(response: ServerResponse, answer: RelayResponse, answered: Answered): void {
  const { status, headers, body } = answer;
  const hasBody = answered.method !== "HEAD" && status !== 204 && status !== 205 && status !== 304;
  const raw: string[] = [];
  let hasLength = false;
  for (const [name, value] of headers) {
    if (name.length === 14 && name.toLowerCase() === "content-length") {
      // Whoever resets a form has nothing to say.
      if (status === 205) continue;
      hasLength = true;
    }
    raw.push(name, value);
  }
  const length = hasLength ? undefined : lengthToAnnounce(answer, answered.method);
  if (length !== undefined) raw.push("Content-Length", String(length));
  if (response.shouldKeepAlive) raw.push("Keep-Alive", KEEP_ALIVE);
  writeHead(response, { status, raw, body });
  if (!isStreamBody(body)) {
    if (hasBody && body !== null) response.end(body);
    else response.end();
  } else if (hasBody) {
    const isDelimited = hasLength || length !== undefined || response.chunkedEncoding;
    void writeStream(response, { stream: body.stream, isDelimited, signal: answered.signal });
  } else {
    body.stream.cancel().catch(() => {});
    response.end();
  }
}

/** `node:http` would send what is in memory in chunks too. */
function lengthToAnnounce({ status, body }: RelayResponse, method: string): number | undefined {
  if (status === 204 || status === 304) return undefined;
  if (status === 205) return 0;
  if (isStreamBody(body)) return undefined;
  // Without a body to measure nobody knows what a GET would have had.
  return method === "HEAD" && body === null ? undefined : body?.byteLength ?? 0;
}

function writeHead(
  response: ServerResponse,
  { status, raw, body }: { readonly status: number; readonly raw: string[]; readonly body: Body },
): void {
  try {
    response.strictContentLength = true;
    response.writeHead(status, raw);
  } catch (cause) {
    if (isStreamBody(body)) body.stream.cancel(cause).catch(() => {});
    throw new RelayError("target_invalid_response", "The target answered with a head that is no HTTP", { cause });
  }
  // Otherwise the head would wait for the first byte.
  if (isStreamBody(body)) response.flushHeaders();
}

async function writeStream(
  response: ServerResponse,
  { stream, isDelimited, signal }: {
    readonly stream: ReadableStream<Uint8Array>;
    readonly isDelimited: boolean;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const reader = stream.getReader();
  let wake = () => {};
  const leave = () => {
    wake();
    reader.cancel(new Error("The client has left")).catch(() => {});
  };
  signal.addEventListener("abort", leave);
  if (signal.aborted) leave();
  response.on("drain", () => wake());
  // Where the client takes nothing nobody reads, who could see that there is nothing more to come.
  reader.closed.catch(() => wake());
  try {
    for (let part = await reader.read(); !part.done && !signal.aborted; part = await reader.read()) {
      if (part.value.byteLength === 0 || response.write(part.value)) continue;
      await new Promise<void>((resolve) => wake = resolve);
    }
    if (!signal.aborted) response.end();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    breakOff(response, isDelimited);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Ends the connection so that the client cannot take what it has for the whole body. */
function breakOff(response: ServerResponse, isDelimited: boolean): void {
  // Where only the end of the connection ends the body, a reset is the only end that is not one.
  if (!isDelimited) response.socket?.resetAndDestroy();
  response.destroy();
}

/** How long a client may go on after its connection has ended here: one that is closed earlier may take the last answer with it. */
export const LINGER_MS = 5000;

/** Ends a connection behind what was written to it. `node:http` would leave the other half to the client, for ever. */
export function endConnection(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on("close", () => clearTimeout(timer));
  socket.end();
  socket.resume();
}

/** Writes an answer to a connection for which there is no response of `node:http`, and closes it. */
export function writeRefusal(socket: Duplex, { status, headers, body }: RelayResponse): void {
  const bytes = body instanceof Uint8Array ? body : new Uint8Array(0);
  const lines = [...headers, ["Content-Length", bytes.byteLength], ["Connection", "close"]];
  socket.write(`HTTP/1.1 ${status} Refused\r\n${lines.map((line) => `${line.join(": ")}\r\n`).join("")}\r\n`, "latin1");
  socket.write(bytes);
  endConnection(socket);
}
