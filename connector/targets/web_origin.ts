/**
 * Where a web target is. Everything a call needs of a URL is taken from it once, so that no URL is parsed for a request, and the relayed path
 * never goes through a parser that would change it.
 *
 * @module
 */

import { isIP } from "node:net";

/** Scheme, host and port of an HTTP application. */
export class WebOrigin {
  readonly protocol: "http:" | "https:";
  /** For connecting: IPv6 addresses without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** For `Host`: with the port when it is not the scheme's own. */
  readonly authority: string;
  /**
   * Name the certificate must carry; absent for IP addresses, which are no server names. Deno would take it from the `Host` header, which
   * may name the client's view of the application.
   */
  readonly servername: string | undefined;

  /** `http://host:port`, without a path. */
  readonly href: string;

  /** @throws {TypeError} when the URL's scheme is neither `http:` nor `https:`. */
  constructor(url: URL) {
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`Cannot use URL as web target: scheme ${url.protocol} is neither http: nor https:`);
    }
    this.protocol = url.protocol;
    this.hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
    this.port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    this.authority = url.host;
    this.href = `${url.protocol}//${url.host}`;
    this.servername = url.protocol === "https:" && isIP(this.hostname) === 0 ? this.hostname : undefined;
  }
}

/** Origin and path under which a web target's application lives. */
export class WebBase {
  readonly origin: WebOrigin;
  readonly #path: string;
  readonly #pathBeforeSlash: string;

  /**
   * @param url `http://host[:port]/base`, with or without a slash at its end.
   * @throws {TypeError} when it is no such URL, or carries credentials, a query or a fragment.
   */
  constructor(url: string) {
    const parsed = new URL(url);
    if (parsed.username !== "" || parsed.password !== "") {
      throw new TypeError("Cannot use URL as web target: it holds credentials, which belong into headers");
    }
    if (parsed.search !== "" || parsed.hash !== "") {
      throw new TypeError("Cannot use URL as web target: it holds a query or a fragment");
    }
    this.origin = new WebOrigin(parsed);
    this.#path = parsed.pathname;
    this.#pathBeforeSlash = parsed.pathname.replace(/\/$/, "");
  }

  /**
   * @param path A relayed request's path: empty, or starting with `/` or `?`.
   * @returns What stands in the request line: the base's path and the request's, byte for byte.
   */
  join(path: string): string {
    return path.startsWith("/") ? this.#pathBeforeSlash + path : this.#path + path;
  }
}
