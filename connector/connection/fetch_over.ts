/**
 * `fetch` over the sockets of an agent. The platform's own takes proxies, but neither says what a proxy answered nor why a certificate was
 * refused.
 *
 * @module
 */

import { type Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";

const WITHOUT_BODY = new Set([204, 205, 304]);

/** It answered with a redirect where none is followed. */
export class RedirectError extends TypeError {
  override readonly name = "RedirectError";
}

/**
 * Makes a `fetch` for short exchanges with servers: text or form bodies, no cache, no cookies, and redirects are never followed
 * (`redirect: "error"` rejects, anything else returns the redirect).
 *
 * @param agentFor Gives the agent for an address.
 */
export function fetchOver(agentFor: (address: URL) => Agent): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const message = await exchange(request, { body, agent: agentFor(new URL(request.url)) });
    if (request.redirect === "error" && isRedirect(message)) {
      message.destroy();
      throw new RedirectError(`it redirects to ${describeLocation(message, request.url)}`);
    }
    return toResponse(message, request);
  };
}

function exchange(
  request: Request,
  { body, agent }: { readonly body: Uint8Array | undefined; readonly agent: Agent },
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { signal } = request;
  const sent = open(request, { agent, sizeBytes: body?.byteLength });
  const onAbort = () => {
    reject(signal.reason);
    sent.destroy();
  };
  // They stay for good: the signal also ends the body, and a socket's late errors must find a listener.
  signal.addEventListener("abort", onAbort, { once: true });
  sent.on("error", reject);
  sent.on("response", (message) => {
    message.on("close", () => signal.removeEventListener("abort", onAbort));
    resolve(message);
  });
  sent.on("close", () => reject(new TypeError("the connection was closed without an answer")));
  if (signal.aborted) onAbort();
  else sent.end(body);
  return promise;
}

function open(
  { url, method, headers }: Request,
  { agent, sizeBytes }: { readonly agent: Agent; readonly sizeBytes: number | undefined },
): ClientRequest {
  const address = new URL(url);
  const isSecure = address.protocol === "https:";
  const host = address.hostname.replace(/^\[(.*)\]$/, "$1");
  const options = {
    agent,
    host,
    port: address.port === "" ? (isSecure ? 443 : 80) : Number(address.port),
    path: address.pathname + address.search,
    method,
    headers: {
      ...Object.fromEntries(headers),
      Host: address.host,
      ...(sizeBytes === undefined ? {} : { "Content-Length": String(sizeBytes) }),
    },
    ...(isSecure && isIP(host) === 0 ? { servername: host } : {}),
  };
  return isSecure ? httpsRequest(options) : httpRequest(options);
}

function isRedirect({ statusCode = 0, headers }: IncomingMessage): boolean {
  return statusCode >= 300 && statusCode <= 399 && headers.location !== undefined;
}

/** Without query, which may hold what the one who redirects knows about this machine. */
function describeLocation({ headers }: IncomingMessage, base: string): string {
  const location = URL.parse(headers.location ?? "", base);
  return location === null ? "somewhere else" : location.origin + location.pathname;
}

function toResponse(message: IncomingMessage, request: Request): Response {
  const { statusCode: status = 0, rawHeaders } = message;
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    headers.append(rawHeaders[index]!, rawHeaders[index + 1]!);
  }
  if (status < 200 || status > 599) {
    message.destroy();
    throw new TypeError(`its answer has the status ${status}`);
  }
  if (request.method === "HEAD" || WITHOUT_BODY.has(status)) {
    message.resume();
    return new Response(null, { status, headers });
  }
  return new Response(toStream(message, request.signal), { status, headers });
}

function toStream(message: IncomingMessage, signal: AbortSignal): ReadableStream<Uint8Array> {
  const chunks = message[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(new Uint8Array(value));
      } catch (error) {
        controller.error(signal.aborted ? signal.reason : error);
      }
    },
    cancel: () => void message.destroy(),
  }, { highWaterMark: 0 });
}
