/**
 * What the listeners' contract suite is written with: handlers, raw clients, and how a case is registered.
 *
 * @module
 */

import type { RelayError } from "../../shared/errors/relay_error.ts";
import type { RelayResponse } from "../../shared/http/message.ts";
import { connectTcp, type RawResponse } from "../../tests/testkit/tcp.ts";
import type { Answer, Listener, ListenerHandler, ListenerRequest } from "./listener.ts";

/** Starts the listener under test, on a free port of this machine. */
export type Listen = (handler: ListenerHandler) => Promise<Listener>;

/** One case of the suite. */
export type ListenerCase = (listen: Listen) => Promise<void>;

/** Cases by what a listener does in them. */
export type ListenerCases = Readonly<Record<string, ListenerCase>>;

const STATUS: Readonly<Record<string, number>> = {
  headers_too_large: 431,
  internal_error: 500,
  invalid_request: 400,
  not_found: 404,
  request_timeout: 408,
  target_invalid_response: 502,
};

/** A handler whose refusals name their code in `X-Refused`. */
export function handlerOf(handle: (request: ListenerRequest) => Answer | Promise<Answer>): ListenerHandler {
  return {
    handle: async (request) => await handle(request),
    refuse: ({ code }: RelayError): RelayResponse => ({
      status: STATUS[code] ?? 599,
      headers: [["X-Refused", code]],
      body: encode(`refused: ${code}`),
    }),
  };
}

/** An answer with a text. */
export function textAnswer(text: string, status = 200): RelayResponse {
  return { status, headers: [], body: encode(text) };
}

/** Bytes of a byte string. */
export function encode(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The byte string of some bytes. */
export function decode(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A stream of these parts, made when they are read; `undefined` breaks off. */
export function streamOf(...parts: readonly (string | undefined)[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    pull(controller) {
      if (left.length === 0) return controller.close();
      const part = left.shift();
      if (part === undefined) throw new Error("The target broke off");
      controller.enqueue(encode(part));
    },
  }, { highWaterMark: 0 });
}

/** Sends one request on a connection of its own and reads the answer. */
export async function exchange({ port }: Listener, request: string): Promise<RawResponse> {
  using client = await connectTcp(port);
  await client.send(request);
  return await client.readResponse({ method: request.slice(0, request.indexOf(" ")) });
}

/** Starts a listener that answers each request with a text about it, sends one, and returns that text or what was refused. */
export async function describeRequest(
  listen: Listen,
  request: string,
  describe: (request: ListenerRequest) => string | Promise<string>,
): Promise<string> {
  await using listener = await listen(handlerOf(async (request) => textAnswer(await describe(request))));
  const { status, body } = await exchange(listener, request);
  return status === 200 ? decode(body) : `${status}`;
}

/** What came over a connection until it ended. */
export interface Conversation {
  readonly received: string;
  readonly isReset: boolean;
}

/** Sends bytes and reads until the other side closes or resets. */
export async function converse({ port }: Listener, sent: string): Promise<Conversation> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = encode(sent);
  let received = "";
  try {
    for (let count = 0; count < bytes.length;) count += await connection.write(bytes.subarray(count));
    const buffer = new Uint8Array(64 * 1024);
    for (let count = await connection.read(buffer); count !== null; count = await connection.read(buffer)) {
      received += decode(buffer.subarray(0, count));
    }
    return { received, isReset: false };
  } catch {
    return { received, isReset: true };
  }
}

/** Statuses of the answers in what was received; those that only announce another are left out. */
export function statusesIn({ received }: Conversation): number[] {
  return [...received.matchAll(/HTTP\/1\.[01] ([2-5]\d\d)/g)].map(([, status]) => Number(status));
}
