/**
 * What an interceptor is: code of whoever runs the server that sees requests on their way to targets, and responses on their way to clients, and may
 * change them. `docs/interceptors.md` has the rules and examples.
 *
 * @module
 */

import type { Body, HeaderLines, StreamBody } from "../../shared/http/message.ts";
import type { AcknowledgeMode } from "../persistence/schema.ts";
import type { Logger } from "../../shared/log/logger.ts";

/** How a request reached this server. */
export interface Hop {
  /** Address of the peer: the client, or the last proxy. */
  readonly peerAddress: string;
  /** The request's `Host`. */
  readonly host: string;
  /** Scheme of the listener. */
  readonly scheme: "http" | "https";
}

/** What an interceptor knows beside request and response. */
export interface InterceptorContext {
  readonly tenant: { readonly id: string; readonly name: string };
  /** UUID, the same in logs, in tracing headers and for the target. */
  readonly requestId: string;
  /** The client's address, as far as `trustedProxies` are believed. */
  readonly clientAddress: string;
  readonly hop: Hop;
  /** Aborts when the client has left, or the interceptor's time is over. */
  readonly signal: AbortSignal;
  /** Writes into the server's log; records have the interceptor's name, the tenant and the request's id. */
  readonly logger: Logger;
}

/** A request on its way to its target, as the interceptors before have left it. */
export interface InterceptedRequest {
  readonly method: string;
  /** Name of the target. */
  readonly target: string;
  /** Path and query below the target's base URL, byte for byte; empty, or starts with `/` or `?`. */
  readonly path: string;
  /** Those that reach the target; without `Content-Length`, which follows from the body. */
  readonly headers: HeaderLines;
  /** Not read, unless it was small or somebody has called `readBody`. */
  readonly body: Body;
  /** Whether tracing headers are added, to the request and its response. */
  readonly isTraced: boolean;
  /** When the request is settled, where an interceptor has said so; otherwise its tenant or the configuration decides. */
  readonly acknowledgeMode?: AcknowledgeMode | undefined;
  /** The first value of a header, whatever the case of its name. */
  header(name: string): string | undefined;
  /**
   * Reads the whole body into memory. The target gets it all the same.
   *
   * @param options `maxBytes` is 1 MiB unless given.
   * @throws {RelayError} `body_too_large`, and what else can happen to a body. Let it through: it becomes the client's answer.
   */
  readBody(options?: ReadBodyOptions): Promise<Uint8Array<ArrayBuffer>>;
}

/** A response on its way to the client, as the interceptors before have left it. */
export interface InterceptedResponse {
  readonly status: number;
  /** Those that reach the client. */
  readonly headers: HeaderLines;
  /** Not read, unless it was small or somebody has called `readBody`. */
  readonly body: Body;
  /** The request as it went to the target. Its body is gone. */
  readonly request: Omit<InterceptedRequest, "body" | "readBody">;
  /** The first value of a header, whatever the case of its name. */
  header(name: string): string | undefined;
  /**
   * Reads the whole body into memory. The client gets it all the same.
   *
   * @param options `maxBytes` is 1 MiB unless given.
   * @throws {RangeError} When it is larger.
   */
  readBody(options?: ReadBodyOptions): Promise<Uint8Array<ArrayBuffer>>;
}

/** How much to read. */
export interface ReadBodyOptions {
  /** More than this is an error, in bytes. */
  readonly maxBytes?: number;
}

/** A body to send instead. A stream whose length is known says so as `{ stream, length }`. */
export type NewBody = null | string | Uint8Array | ReadableStream<Uint8Array> | StreamBody;

/** An answer that does not come from the target. */
export interface DirectAnswer {
  /** 200 to 599. */
  readonly status: number;
  readonly headers?: HeaderLines;
  readonly body?: NewBody;
}

/** What becomes of a request; what is left out stays as it is. */
export interface RequestChanges {
  readonly method?: string;
  readonly target?: string;
  readonly path?: string;
  /** All of them, not only the new ones. */
  readonly headers?: HeaderLines;
  readonly body?: NewBody;
  readonly isTraced?: boolean;
  /** When the request is settled and is not delivered again: `disabled`, `connectorReceived`, `connectorFinished` or `manual`. */
  readonly acknowledgeMode?: AcknowledgeMode;
  /** Answers the client at once. The interceptors that follow do not see the request, unless it is delivered. */
  readonly answer?: DirectAnswer;
  /** With `answer`: the request goes to the target all the same, and its response is discarded. */
  readonly deliver?: boolean;
}

/** What becomes of a response; what is left out stays as it is. */
export interface ResponseChanges {
  readonly status?: number;
  /** All of them, not only the new ones. */
  readonly headers?: HeaderLines;
  readonly body?: NewBody;
}

/** What a function may give: changes, or nothing for none; at once or later. */
export type Intercepted<T> = T | undefined | void | Promise<T | undefined | void>;

/**
 * One interceptor. What it throws, what it gives that makes no sense, and taking too long is `500 internal_error` for that request, and a line in the
 * log with its name.
 *
 * @example
 * ```ts
 * export default {
 *   name: "greeting",
 *   interceptRequest: (request) => ({ headers: [...request.headers, ["X-Greeting", "hello"]] }),
 * } satisfies Interceptor;
 * ```
 */
export interface Interceptor {
  /** For the log. */
  readonly name: string;
  /** How long each of the functions may take, in milliseconds; 10 s unless given, and never longer than `requestExpiration`. */
  readonly timeoutMs?: number;
  /** Sees requests that the access policy allows, before they are dispatched. */
  interceptRequest?(request: InterceptedRequest, context: InterceptorContext): Intercepted<RequestChanges>;
  /** Sees responses of targets and direct answers; not what the relay itself answers when something failed. */
  interceptResponse?(response: InterceptedResponse, context: InterceptorContext): Intercepted<ResponseChanges>;
}
