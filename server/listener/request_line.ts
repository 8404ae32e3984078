/**
 * Checks of what HTTP parsers let pass: host, target, method and framing (contract: "Requests").
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";

const HOST = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#@\\]+)(\/[^#]*)?$/i;
const LENGTH = /^[0-9]{1,15}$/;
const KNOWN_METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"]);

/** How a request's body is delimited. */
export type Framing = { readonly hasBody: false } | { readonly hasBody: true; readonly length: number | undefined };

/**
 * Takes an absolute URL, put together by a parser from scheme, `Host` and target, apart again without normalising it.
 *
 * @param url Scheme, authority and target exactly as they came.
 * @param host The `Host` header, when there was one.
 * @throws {RelayError} `invalid_request` when `Host` is no host, differs from the authority, or the target has a fragment.
 */
export function splitUrl(url: string, host: string | undefined): { host: string; target: string } {
  const match = ABSOLUTE_TARGET.exec(url);
  const authority = match?.[1];
  if (authority === undefined || !HOST.test(authority)) throw invalid("its target or Host is malformed");
  if (host !== undefined && host !== "" && host.toLowerCase() !== authority.toLowerCase()) {
    throw invalid("its Host differs from its target");
  }
  return { host: authority, target: match?.[2] ?? "/" };
}

/**
 * Checks a request target that a parser left as it came, and the `Host` beside it.
 *
 * @param target In origin-form (`/path?query`) or absolute-form.
 * @param host The `Host` header, when there was one.
 * @throws {RelayError} `invalid_request` as {@link splitUrl}, and for a missing `Host`.
 */
export function splitTarget(target: string, host: string | undefined): { host: string; target: string } {
  if (host === undefined) throw invalid("it has no Host");
  if (!target.startsWith("/")) return splitUrl(target, host);
  if (!HOST.test(host) || target.includes("#")) throw invalid("its target or Host is malformed");
  return { host, target };
}

/** @throws {RelayError} `invalid_request` for CONNECT, and for a known method in the wrong case, which a policy could not recognise. */
export function checkMethod(method: string): void {
  if (method === "CONNECT") throw invalid("CONNECT is not relayed");
  if (!KNOWN_METHODS.has(method) && KNOWN_METHODS.has(method.toUpperCase())) {
    throw invalid("its method must be upper case");
  }
}

/**
 * Decides from the framing headers whether there is a body.
 *
 * @throws {RelayError} `invalid_request` when the headers contradict each other or are no valid framing.
 */
export function readFraming(contentLength: string | undefined, transferEncoding: string | undefined): Framing {
  if (transferEncoding !== undefined) {
    if (transferEncoding.toLowerCase() !== "chunked" || contentLength !== undefined) {
      throw invalid("its framing is not understood");
    }
    return { hasBody: true, length: undefined };
  }
  if (contentLength === undefined) return { hasBody: false };
  if (!LENGTH.test(contentLength)) throw invalid("its Content-Length is malformed");
  const length = Number(contentLength);
  return length === 0 ? { hasBody: false } : { hasBody: true, length };
}

function invalid(reason: string): RelayError {
  return new RelayError("invalid_request", `Cannot accept the request: ${reason}`);
}
