/**
 * The target that calls an HTTP application at the site. It changes nothing it does not have to: path, header lines and encoded bodies go
 * through as they are.
 *
 * @module
 */

import { METHODS } from "node:http";
import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type Body,
  type HeaderLines,
  isStreamBody,
  type RelayRequest,
  type RelayResponse,
} from "../../shared/http/message.ts";
import { hasDotSegments } from "../../shared/http/path.ts";
import { Deadlines } from "../../shared/time/deadlines.ts";
import type { SocketStreams } from "../../shared/websocket/socket_streams.ts";
import type { Target, TargetContext } from "./target.ts";
import { isRepeatable, WebAgents, type WebTls } from "./web_agents.ts";
import { WebExchange, type WireRequest } from "./web_exchange.ts";
import { PlainCalls } from "./web_plain_calls.ts";
import { ConfiguredHeaders, type Framing, toRawRequestHeaders } from "./web_headers.ts";
import { callWebSocket } from "./web_socket.ts";
import { WebBase, type WebOrigin } from "./web_origin.ts";
import { redirected } from "./web_redirect.ts";

const DEFAULT_TIMEOUT_MS = 100_000;
/** How long the body of a small response may take before its head goes ahead, in milliseconds. */
const PATIENCE_MS = 20;
const MAX_REDIRECTS = 10;
const KNOWN_METHODS = new Set(METHODS);
/** Methods that say nothing about a body by themselves: without one they need no `Content-Length: 0`. */
const METHODS_WITHOUT_BODY = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** How a {@linkcode WebTarget} calls its application. */
export interface WebTargetOptions {
  /** `http:` or `https:` URL below which the application lives. */
  readonly url: string;
  /** Until the response's head is there, in milliseconds; starts anew while the request's body flows. 100,000 when absent. */
  readonly timeoutMs?: number | undefined;
  /** Follow redirects here, at the site, instead of handing them to the client; at most 10, and only for bodies that are in memory. */
  readonly followRedirects?: boolean | undefined;
  /** Lines added to every request; they replace the client's of the same name. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Send the client's `Host` instead of the application's. */
  readonly preserveHost?: boolean | undefined;
  readonly tls?: WebTls | undefined;
  /** Proxy through which the application is called, `http:` or `https:`. */
  readonly proxy?: URL | undefined;
  /** Whether redirects are followed to there; everywhere when absent. */
  readonly isAllowed?: ((address: URL) => boolean) | undefined;
}

/** A request on its way, wherever redirects have led it. */
interface Outgoing {
  readonly origin: WebOrigin;
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderLines;
  readonly body: Body;
}

/**
 * Calls an HTTP(S) application.
 *
 * @example
 * ```ts
 * await using target = new WebTarget({ url: "http://localhost:5000/api/" });
 * ```
 */
export class WebTarget implements Target {
  readonly #base: WebBase;
  readonly #configured: ConfiguredHeaders;
  readonly #preserveHost: boolean;
  readonly #followRedirects: boolean;
  readonly #deadlines: Deadlines;
  readonly #patience = new Deadlines(PATIENCE_MS);
  readonly #agents: WebAgents;
  /** Without TLS and proxies. */
  readonly #plain: PlainCalls | undefined;
  readonly #proxy: URL | undefined;
  readonly #isAllowed: ((address: URL) => boolean) | undefined;
  /** For redirects to elsewhere: certificates are checked there whatever the target's options say. */
  readonly #foreignAgents = new Map<string, WebAgents>();
  readonly #webSockets = new Set<SocketStreams>();
  /** Calls by `node:http` without a response. An agent knows nothing of those whose tunnel is not open yet. */
  readonly #exchanges = new Set<WebExchange>();
  #disposed = false;
  #isDraining = false;
  /** Calls whose response has not been returned yet. */
  #calls = 0;

  /** @throws {TypeError} when the URL or a header is not valid. */
  constructor(options: WebTargetOptions) {
    this.#base = new WebBase(options.url);
    this.#configured = new ConfiguredHeaders(options.headers ?? {});
    this.#preserveHost = options.preserveHost ?? false;
    this.#followRedirects = options.followRedirects ?? false;
    this.#deadlines = new Deadlines(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.#proxy = options.proxy;
    this.#isAllowed = options.isAllowed;
    const { origin } = this.#base;
    this.#agents = new WebAgents(origin.protocol, options.tls ?? {}, options.proxy);
    const isPlain = origin.protocol === "http:" && options.proxy === undefined;
    this.#plain = isPlain ? new PlainCalls(origin) : undefined;
  }

  /** {@inheritDoc Target.handle} */
  async handle(request: RelayRequest, context: TargetContext): Promise<RelayResponse> {
    const { method, headers, body } = request;
    this.#calls++;
    try {
      context.signal.throwIfAborted();
      checkAddress(request);
      if (request.upgrade !== undefined) return await this.#upgrade(request, context);
      const outgoing = { origin: this.#base.origin, method, path: this.#base.join(request.path), headers, body };
      const response = await this.#call(outgoing, context);
      if (!this.#followRedirects || isStreamBody(body)) return response;
      return await this.#redirect({ ...outgoing, body }, { response, context });
    } catch (error) {
      // Refused before anybody read it.
      if (isStreamBody(body) && !body.stream.locked) body.stream.cancel(error).catch(() => {});
      throw error;
    } finally {
      this.#calls--;
    }
  }

  /** {@inheritDoc Target.isIdle} */
  get isIdle(): boolean {
    return this.#calls === 0 && this.#webSockets.size === 0 && this.#agents.isIdle &&
      (this.#plain?.isIdle ?? true) && [...this.#foreignAgents.values()].every((agents) => agents.isIdle);
  }

  /** {@inheritDoc Target.retire} */
  retire(): void {
    this.#agents.retire();
    this.#plain?.retire();
    for (const agents of this.#foreignAgents.values()) agents.retire();
  }

  /** Ends all calls and closes all sockets. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#agents[Symbol.dispose]();
    this.#plain?.[Symbol.dispose]();
    for (const exchange of this.#exchanges) exchange.fail(disposed());
    for (const agents of this.#foreignAgents.values()) agents[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
    this.#patience[Symbol.dispose]();
    return Promise.resolve();
  }

  /** Closes WebSockets: their clients connect again, elsewhere. */
  drain(): void {
    this.#isDraining = true;
    for (const streams of [...this.#webSockets]) streams.end(1001, "the connector stops");
  }

  async #upgrade(request: RelayRequest, context: TargetContext): Promise<RelayResponse> {
    const { origin } = this.#base;
    const path = this.#base.join(request.path);
    const outgoing = { origin, method: "GET", path, headers: request.headers, body: null };
    const call = { origin, path, rawHeaders: this.#rawHeaders(outgoing), agent: this.#agents.forUpgrade() };
    const options = { context, deadlines: this.#deadlines, open: this.#webSockets };
    const response = await callWebSocket(request, call, options);
    // What was being opened meanwhile.
    if (this.#isDraining) this.drain();
    return response;
  }

  async #redirect(
    first: Outgoing & { readonly body: null | Uint8Array },
    options: { readonly response: RelayResponse; readonly context: TargetContext },
  ): Promise<RelayResponse> {
    let { response } = options;
    let next = redirected(first, response, this.#isAllowed);
    for (let count = 1; next !== undefined; count++) {
      if (isStreamBody(response.body)) await response.body.stream.cancel();
      if (count > MAX_REDIRECTS) {
        throw new RelayError("target_invalid_response", `Cannot read response: more than ${MAX_REDIRECTS} redirects`);
      }
      response = await this.#call(next, options.context);
      next = redirected(next, response, this.#isAllowed);
    }
    return response;
  }

  async #call(outgoing: Outgoing, context: TargetContext): Promise<RelayResponse> {
    if (this.#disposed) throw disposed();
    const { origin, method, path, body } = outgoing;
    const request = { origin, method, path, rawHeaders: this.#rawHeaders(outgoing), body };
    const options = { context, deadlines: this.#deadlines, patience: this.#patience };
    if (this.#plain !== undefined && origin.href === this.#base.origin.href) {
      return await this.#plain.call(request, options);
    }
    const agents = this.#agentsFor(origin);
    const wire: WireRequest = { ...request, agent: agents.forRequest(isRepeatable(outgoing)) };
    const exchange = new WebExchange(wire, options);
    this.#exchanges.add(exchange);
    try {
      return await exchange.response;
    } catch (error) {
      if (!exchange.diedUnused || this.#disposed) throw error;
      const agent = agents.afterStaleSocket();
      if (!isRepeatable(outgoing)) throw error;
      return await new WebExchange({ ...wire, agent }, options).response;
    } finally {
      this.#exchanges.delete(exchange);
    }
  }

  #agentsFor(origin: WebOrigin): WebAgents {
    if (origin === this.#base.origin || origin.href === this.#base.origin.href) return this.#agents;
    let agents = this.#foreignAgents.get(origin.protocol);
    if (agents === undefined) {
      agents = new WebAgents(origin.protocol, {}, this.#proxy);
      this.#foreignAgents.set(origin.protocol, agents);
    }
    return agents;
  }

  #rawHeaders(outgoing: Outgoing): string[] {
    const isOwnOrigin = outgoing.origin.href === this.#base.origin.href;
    return toRawRequestHeaders(outgoing.headers, {
      framing: framingOf(outgoing),
      authority: outgoing.origin.authority,
      preserveHost: this.#preserveHost && isOwnOrigin,
      // Configured lines may hold the application's credentials.
      configured: isOwnOrigin ? this.#configured : ConfiguredHeaders.none,
    });
  }
}

function disposed(): RelayError {
  return new RelayError("target_unreachable", "Cannot reach target: it is disposed");
}

/** Refuses what another program could read as something else than the server's policies were asked about. */
function checkAddress({ method, path }: RelayRequest): void {
  if (method === "CONNECT") throw new RelayError("invalid_request", "Cannot call target: CONNECT is not relayed");
  // Without a method `node:http` would send GET.
  if (method === "") throw new RelayError("invalid_request", "Cannot call target: the request has no method");
  if (!KNOWN_METHODS.has(method) && KNOWN_METHODS.has(method.toUpperCase())) {
    throw new RelayError("invalid_request", "Cannot call target: a known method is not in upper case");
  }
  if (hasDotSegments(path)) {
    throw new RelayError("invalid_request", "Cannot call target: the path holds a dot segment");
  }
}

/** `node:http` writes bodies of some methods with no framing at all, so that it is always given. */
function framingOf({ method, headers, body }: Outgoing): Framing {
  if (body instanceof Uint8Array) return body.byteLength;
  if (body !== null) return body.length ?? "chunked";
  if (!METHODS_WITHOUT_BODY.has(method)) return 0;
  return headers.some(([name]) => name.toLowerCase() === "content-length") ? 0 : undefined;
}
