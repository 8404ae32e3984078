/**
 * A request as `node:http` parsed it, with what its parser lets pass checked by hand.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { isIPv6, type Socket } from "node:net";
import { RelayError } from "../../shared/errors/relay_error.ts";
import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";
import { hasDotSegments } from "../../shared/http/path.ts";
import type { ListenerRequest } from "./listener.ts";
import { NodeBody } from "./node_body.ts";
import { checkMethod, type Framing, readFraming, splitTarget } from "./request_line.ts";

/** The parser only counts the bytes of names and values. */
const MAX_HEADER_LINES = 1000;

/** One request. Whoever owns its connection says when the client {@link NodeRequest.leave | has left}. */
export class NodeRequest implements ListenerRequest {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly headers: HeaderLines;
  readonly body: NodeBody | null;
  readonly peerAddress: string;
  #hasLeft = false;
  #leaving: AbortController | undefined;

  /**
   * @param onWanted Called before the first byte of the body is read.
   * @throws {RelayError} `invalid_request`; `not_found` for `OPTIONS *`.
   */
  constructor(message: IncomingMessage, onWanted?: () => void) {
    const { socket, httpVersion } = message;
    if (httpVersion !== "1.1" && httpVersion !== "1.0") {
      throw new RelayError("invalid_request", "Cannot accept the request: it is not HTTP/1.1");
    }
    this.method = message.method ?? "";
    this.peerAddress = socket.remoteAddress ?? "";
    const head = readHead(message.rawHeaders);
    this.headers = head.lines;
    if (httpVersion === "1.0" && head.framing.hasBody && head.framing.length === undefined) {
      throw new RelayError("invalid_request", "Cannot accept the request: HTTP/1.0 has no chunks");
    }
    checkMethod(this.method);
    if (this.method === "OPTIONS" && message.url === "*") {
      throw new RelayError("not_found", "The server has nothing to tell about itself");
    }
    // Only HTTP/1.0 may do without a Host.
    const host = head.host ?? (httpVersion === "1.0" ? ownHost(socket) : undefined);
    const { host: authority, target } = splitTarget(message.url ?? "", host);
    this.host = authority;
    this.target = target;
    this.body = head.framing.hasBody ? new NodeBody(message, { length: head.framing.length, onWanted }) : null;
  }

  get signal(): AbortSignal {
    if (this.#leaving === undefined) {
      this.#leaving = new AbortController();
      if (this.#hasLeft) this.#leaving.abort();
    }
    return this.#leaving.signal;
  }

  /** Whether nobody waits for the answer any more. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** The client has left, or was sent away. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#leaving?.abort();
    this.body?.breakOff("the client has left");
  }

  /** @throws {RelayError} `not_found` for what a web standard request cannot be: TRACE, or a path with dot segments. */
  toRequest(): Request {
    const { method, target, body } = this;
    if (hasDotSegments(target)) throw new RelayError("not_found", "There is nothing at this address");
    const hasNoBody = body === null || method === "GET" || method === "HEAD";
    try {
      return new Request(`http://${this.host}${target}`, {
        method,
        headers: this.headers as HeaderLine[] as [string, string][],
        signal: this.signal,
        ...(hasNoBody ? {} : { body: body.stream() }),
      });
    } catch (cause) {
      throw new RelayError("not_found", "There is nothing at this address", { cause });
    }
  }
}

function ownHost({ localAddress = "", localPort }: Socket): string {
  return `${isIPv6(localAddress) ? `[${localAddress}]` : localAddress}:${localPort}`;
}

interface Head {
  readonly lines: HeaderLines;
  readonly host: string | undefined;
  readonly framing: Framing;
}

/** @throws {RelayError} `headers_too_large`; `invalid_request` for a second `Host` and for framing that could be read in two ways. */
function readHead(raw: readonly string[]): Head {
  if (raw.length > 2 * MAX_HEADER_LINES) {
    throw new RelayError(
      "headers_too_large",
      `Cannot accept the request: it has more than ${MAX_HEADER_LINES} header lines`,
    );
  }
  const lines: HeaderLine[] = [];
  let host: string | undefined;
  let contentLength: string | undefined;
  let transferEncoding: string | undefined;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]!;
    const value = raw[index + 1]!;
    lines.push([name, value]);
    switch (name.length) {
      case 4:
        if (name.toLowerCase() !== "host") break;
        if (host !== undefined) throw new RelayError("invalid_request", "Cannot accept the request: it has two Hosts");
        host = value;
        break;
      case 14:
        if (name.toLowerCase() === "content-length") contentLength = join(contentLength, value);
        break;
      case 17:
        if (name.toLowerCase() === "transfer-encoding") transferEncoding = join(transferEncoding, value);
        break;
    }
  }
  return { lines, host, framing: readFraming(contentLength, transferEncoding) };
}

/** Two lines are not what either of them is. */
function join(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
