/**
 * Asks a server where everything is.
 *
 * @module
 */

import { z } from "zod";
import { ConnectError } from "./connect_error.ts";
import { RedirectError } from "./fetch_over.ts";

const url = z.url({ protocol: /^https?$/ });

/** The members of the discovery document that a connector needs. */
const document = z.object({
  serverVersion: z.string(),
  authorizationServer: url,
  connectorEndpoint: url,
  /** Where bodies are fetched and posted; a server without such places moves them by the WebSocket. */
  requestEndpoint: url.optional(),
  responseEndpoint: url.optional(),
});

/** Where everything is. */
export type Discovery = z.infer<typeof document>;

/** How a server is asked over HTTP. */
export interface HttpOptions {
  /** `fetch`, or one that knows the site's certificates. */
  readonly fetch: typeof fetch;
  /** Milliseconds until there must be an answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const MAX_DOCUMENT_BYTES = 64 * 1024;

/**
 * Gets a server's discovery document.
 *
 * @param baseUri The server's address, with or without a slash at the end.
 * @throws {ConnectError} `server_unreachable`, `server_unavailable`, `not_a_relayserver`, `insecure_address`.
 */
export async function discover(baseUri: string, { fetch, timeoutMs, signal }: HttpOptions): Promise<Discovery> {
  const address = `${baseUri.replace(/\/+$/, "")}/.well-known/relayserver-configuration`;
  let text: string;
  try {
    const response = await fetch(address, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      headers: { accept: "application/json" },
      // Whoever could redirect it could name another authorization server, which then gets the secret.
      redirect: "error",
    });
    text = await readText(response, address);
    if (response.status >= 500) throw new ConnectError("server_unavailable", `${address} answered ${response.status}`);
    if (!response.ok) throw new ConnectError("not_a_relayserver", `${address} answered ${response.status}`);
  } catch (cause) {
    if (cause instanceof ConnectError) throw cause;
    const code = cause instanceof RedirectError ? "not_a_relayserver" : "server_unreachable";
    throw new ConnectError(code, `Cannot reach ${address}: ${reasonOf(cause)}`, { cause });
  }
  const parsed = document.safeParse(parseJson(text));
  if (parsed.success) return withoutDowngrade(address, parsed.data);
  const what = /^\s*</.test(text) ? "a web page, no discovery document" : "no discovery document";
  throw new ConnectError("not_a_relayserver", `${address} is ${what} of a RelayServer`, { cause: parsed.error });
}

/** A secret or a token must not leave TLS because a server behind a proxy does not know its own address. */
function withoutDowngrade(address: string, discovery: Discovery): Discovery {
  const { authorizationServer, connectorEndpoint, requestEndpoint, responseEndpoint } = discovery;
  const insecure = [authorizationServer, connectorEndpoint, requestEndpoint, responseEndpoint].find((url) =>
    url !== undefined && !url.startsWith("https:")
  );
  if (insecure === undefined || !address.startsWith("https:")) return discovery;
  const advice = "set publicUrl, or trustedProxies, on the server";
  throw new ConnectError("insecure_address", `${address} names ${insecure}, which is not https: ${advice}`);
}

async function readText(response: Response, address: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_DOCUMENT_BYTES) {
      throw new ConnectError("not_a_relayserver", `${address} answered with too much`);
    }
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The words of an error from the network, and of what caused it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
