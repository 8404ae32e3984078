/**
 * Keeps one connection up: connects, watches, connects again.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { GoAwayReason, Reconnect } from "../../shared/protocol/frame.ts";
import type { RequestHandler } from "../../shared/protocol/incoming_exchange.ts";
import type { ConnectionSettings, ServedTargets } from "../../shared/protocol/handshake_heads.ts";
import type { Session } from "../../shared/protocol/session.ts";
import { ConnectError, type ConnectErrorCode } from "./connect_error.ts";
import { patientWindow, reconnectDelayMs, type ReconnectWindow } from "./reconnect_delay.ts";
import type { LinkStatus } from "../status/status.ts";
import type { OpenedSession, ServerAccess } from "./server_access.ts";
import { TokenRenewal } from "./token_renewal.ts";

const logger = getLogger("connection");

/** Until a server has said otherwise; in milliseconds. */
const DEFAULT_WINDOW: ReconnectWindow = { minimumMs: 1000, maximumMs: 30_000 };

/** Failures that time does not mend. */
const REFUSALS: ReadonlySet<ConnectErrorCode> = new Set(["authentication_failed", "access_denied"]);

/** What a link works with. */
export interface LinkOptions {
  /** The servers, tried in turn. */
  readonly servers: readonly ServerAccess[];
  /** Which of them comes first. */
  readonly firstServer: number;
  /** Answers requests. */
  readonly handleRequest: RequestHandler;
  /** Called with every connection, before its first request is handled. */
  readonly onConnected?: (opened: OpenedSession) => void;
}

/** What became of a connection. */
type Outcome = { readonly wasLost: true } | { readonly wasLost: false; readonly reconnect: Reconnect };

/** One connection, kept up. */
export class Link implements AsyncDisposable {
  /** Resolves when it stopped, asked or because a server told it never to come back. */
  readonly stopped: Promise<void>;
  readonly #options: LinkOptions;
  readonly #stopping = new AbortController();
  /** Open sessions: the present one, and those that still drain. */
  readonly #sessions = new Set<Session>();
  #serverIndex: number;
  #window = DEFAULT_WINDOW;
  #server: ServerAccess | undefined;
  #current: { readonly opened: OpenedSession; readonly server: string; readonly connectedAt: string } | undefined;
  #lastFailure: LinkStatus["lastFailure"];
  #connects = 0;
  #failures = 0;
  /** Ends the pause behind the present attempt. */
  #pausing = new AbortController();

  /** Starts at once. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.#serverIndex = options.firstServer;
    this.stopped = this.#run();
  }

  /** How it stands now. */
  get status(): LinkStatus {
    const current = this.#current?.opened.session.isOpen ? this.#current : undefined;
    const { roundTripMs } = current?.opened.session ?? {};
    const state = current !== undefined ? "connected" : this.#stopping.signal.aborted ? "stopped" : "connecting";
    return {
      state,
      server: current?.server ?? this.#server?.baseUri ?? "",
      ...(current === undefined
        ? {}
        : { connectionId: current.opened.welcome.connectionId, connectedAt: current.connectedAt }),
      ...(roundTripMs === undefined ? {} : { roundTripMs: Math.round(roundTripMs * 10) / 10 }),
      inFlight: [...this.#sessions].reduce((sum, { inFlight }) => sum + inFlight, 0),
      ...(this.#lastFailure === undefined ? {} : { lastFailure: this.#lastFailure }),
    };
  }

  /** Connections opened, and attempts that failed. */
  get counters(): { readonly connects: number; readonly connectFailures: number } {
    return { connects: this.#connects, connectFailures: this.#failures };
  }

  /** Lets what runs finish, then closes. Resolves when it is done. */
  async drain(): Promise<void> {
    this.#stopping.abort(new Error("The connector stops"));
    const ended = [...this.#sessions].map((session) => session.ended);
    for (const session of this.#sessions) session.drain("shutdown", "later");
    await Promise.all([this.stopped, ...ended]);
  }

  /** Tells the server what is served from now on. */
  sendTargets(served: ServedTargets): void {
    for (const session of this.#sessions) session.sendTargets(served);
  }

  /** Ends a pause, or has none follow an attempt under way: what made the last attempts fail may be mended. */
  retryNow(): void {
    this.#pausing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort(new Error("The connector stops"));
    for (const session of this.#sessions) session.close(1001, "the connector stops");
    await this.stopped;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      const server = this.#server = this.#nextServer();
      this.#pausing = new AbortController();
      try {
        const outcome = await this.#connect(server);
        failures = 0;
        this.#pausing = new AbortController();
        if (signal.aborted) return;
        if (!outcome.wasLost && outcome.reconnect === "never") return await this.#untilDrained();
        if (outcome.wasLost || outcome.reconnect === "later") await this.#pause(0);
      } catch (error) {
        if (signal.aborted) return;
        await this.#pauseAfterFailure(error, server, failures++);
      }
    }
  }

  /** What runs on connections that were told to go is finished. */
  async #untilDrained(): Promise<void> {
    await Promise.all([...this.#sessions].map(({ ended }) => ended));
  }

  #nextServer(): ServerAccess {
    const { servers } = this.#options;
    return servers[this.#serverIndex++ % servers.length]!;
  }

  /** Connects and stays until the connection is lost or told to go; a connection that was told drains in the background. */
  async #connect(server: ServerAccess): Promise<Outcome> {
    const told = Promise.withResolvers<Outcome>();
    const opened = await server.open({
      request: this.#options.handleRequest,
      configure: (settings) => this.#applyWindow(settings),
      goAway: (reason: GoAwayReason, reconnect: Reconnect) => {
        if (this.#stopping.signal.aborted) return;
        logger.info("{server} asks to go away: {reason}, connecting again {reconnect}", {
          server: server.baseUri,
          reason,
          reconnect,
        });
        told.resolve({ wasLost: false, reconnect });
      },
    }, this.#stopping.signal);
    this.#applyWindow(opened.welcome.settings);
    this.#connected(server, opened);
    this.#options.onConnected?.(opened);
    this.#watch(server, opened);
    return await Promise.race([told.promise, opened.session.ended.then((): Outcome => ({ wasLost: true }))]);
  }

  #connected(server: ServerAccess, opened: OpenedSession): void {
    this.#connects++;
    this.#lastFailure = undefined;
    const current = this.#current = { opened, server: server.baseUri, connectedAt: new Date().toISOString() };
    opened.session.ended.then(() => {
      if (this.#current === current) this.#current = undefined;
    });
  }

  #watch(server: ServerAccess, { session, welcome, token, clockSkew }: OpenedSession): void {
    const { signal } = this.#stopping;
    const facts = { server: server.baseUri, connectionId: welcome.connectionId };
    logger.info("Connected to {server}, version {version}, as {tenant}", {
      ...facts,
      version: welcome.server.version,
      tenant: welcome.tenantName,
    });
    if (clockSkew !== undefined) {
      logger.warn("Clock: {clockSkew} ({server}), so that certificates and tokens may be taken for invalid", {
        ...facts,
        clockSkew,
      });
    }
    this.#sessions.add(session);
    const renewal = new TokenRenewal(token, {
      fetch: () => server.renewToken(signal),
      send: (renewed) => session.authenticate(renewed),
      failed: (error, retryMs) =>
        logger.warn("Cannot renew the token at {server}, trying again in {retryMs} ms: {error}", {
          ...facts,
          error,
          retryMs,
        }),
    });
    session.ended.then(({ code, reason, error }) => {
      renewal[Symbol.dispose]();
      this.#sessions.delete(session);
      if (code === 1000) logger.info("Left {server}: {reason}", { ...facts, reason });
      else {logger.warn("Lost the connection to {server}: {code} {reason}", {
          ...facts,
          code,
          reason,
          error: error?.message,
        });}
    });
    // A drain that began while the connection was being opened.
    if (signal.aborted) session.drain("shutdown", "later");
  }

  #applyWindow({ reconnectMinimumDelayMs, reconnectMaximumDelayMs }: ConnectionSettings): void {
    this.#window = {
      minimumMs: reconnectMinimumDelayMs,
      maximumMs: Math.max(reconnectMinimumDelayMs, reconnectMaximumDelayMs),
    };
  }

  async #pauseAfterFailure(error: unknown, server: ServerAccess, failures: number): Promise<void> {
    this.#failures++;
    this.#lastFailure = {
      at: new Date().toISOString(),
      message: error instanceof Error ? error.message : String(error),
    };
    if (this.#pausing.signal.aborted) return;
    // A server that is about to stop says so at once, and the next one may be ready.
    const isTurnOver = (failures + 1) % this.#options.servers.length === 0;
    if (error instanceof ConnectError && error.code === "server_unavailable" && !isTurnOver) return;
    const round = Math.floor(failures / this.#options.servers.length);
    const why = `Cannot connect to ${server.baseUri}: ${error instanceof Error ? error.message : String(error)}`;
    const isRefused = error instanceof ConnectError && REFUSALS.has(error.code);
    await this.#pause(round, { why, ...(isRefused ? { window: patientWindow(this.#window) } : {}) });
  }

  async #pause(
    attempt: number,
    { why, window = this.#window }: { readonly why?: string; readonly window?: ReconnectWindow } = {},
  ): Promise<void> {
    const delayMs = reconnectDelayMs(window, attempt, Math.random());
    const seconds = (delayMs / 1000).toFixed(1);
    if (why === undefined) logger.info("Connecting again in {seconds} s", { seconds });
    else logger.warn("{why}. Trying again in {seconds} s", { why, seconds });
    await sleep(delayMs, AbortSignal.any([this.#stopping.signal, this.#pausing.signal]));
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
