/**
 * Tells the status over HTTP, to this machine only.
 *
 * @module
 */

import { getLogger } from "../../shared/log/mod.ts";
import type { ConnectorStatus } from "./status.ts";

const logger = getLogger("status");
const HOSTNAME = "127.0.0.1";
/** A page of the web whose name leads here must not read it: its requests carry its own name. */
const OWN_HOST = /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$/i;
const HEADERS = { "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" };

/** A server on the loopback interface. */
export class StatusServer implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #stopping = new AbortController();

  /**
   * Starts listening.
   *
   * @param read Called for every request.
   * @param options 0 as port picks a free one.
   * @throws {Error} when the port is taken.
   */
  constructor(read: () => ConnectorStatus, { port }: { readonly port: number }) {
    try {
      const { signal } = this.#stopping;
      const options = { hostname: HOSTNAME, port, automaticCompression: false, signal, onListen: () => {} };
      this.#server = Deno.serve(options, (request) => answer(request, read));
    } catch (cause) {
      throw new Error(`Cannot serve the status on ${HOSTNAME} port ${port}`, { cause });
    }
    logger.info("Status at {url}", { url: this.url });
  }

  /** Base of its addresses, without a slash at the end. */
  get url(): string {
    return `http://${HOSTNAME}:${this.#server.addr.port}`;
  }

  /** At once: `shutdown` would wait for what a client does not send of its request. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#server.finished;
  }
}

function answer(request: Request, read: () => ConnectorStatus): Response {
  if (!OWN_HOST.test(request.headers.get("host") ?? "")) return problem(403, "This is for the connector's own machine");
  if (request.method !== "GET" && request.method !== "HEAD") {
    return problem(405, "Only GET and HEAD", { Allow: "GET, HEAD" });
  }
  const path = request.url.replace(/^http:\/\/[^/]*/, "").split("?", 1)[0];
  switch (path) {
    case "/":
    case "/status":
      return Response.json(read(), { headers: HEADERS });
    case "/health/live":
      return Response.json({ status: "live" }, { headers: HEADERS });
    case "/health/ready":
      return read().isConnected
        ? Response.json({ status: "ready" }, { headers: HEADERS })
        : Response.json({ status: "not connected" }, { status: 503, headers: HEADERS });
    default:
      return problem(404, "Only /status, /health/live and /health/ready");
  }
}

function problem(status: number, detail: string, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json({ type: "about:blank", status, detail }, {
    status,
    headers: { ...HEADERS, ...headers, "Content-Type": "application/problem+json" },
  });
}
