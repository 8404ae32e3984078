/**
 * For a target that believes it lives at its own root: rewrites what its responses say about its own address to the public one.
 *
 * @module
 */

import type { HeaderLine, HeaderLines, RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { headerValue, withoutTrailingBlanks } from "../../shared/http/headers.ts";
import type { Target, TargetContext } from "./target.ts";

/** Where a {@linkcode RewritingTarget}'s application is, from inside and from outside. */
export interface RewriteOptions {
  /** The application's base URL. */
  readonly url: string;
  /**
   * The path under which a request's client sees the application: `/relay/acme/erp`, without a slash at its end; empty when a host is all its
   * own.
   */
  publicPath(request: RelayRequest): string;
}

/** What the addresses in one response are compared with. */
interface Places {
  readonly own: URL;
  /** The application's base path, without a slash at its end. */
  readonly basePath: string;
  readonly publicPath: string;
  /** The host the client asked, in lower case and with its port; absent when it is not known. */
  readonly publicHost: string | undefined;
}

const ADDRESSES = new Set(["location", "content-location"]);
const REFRESH = /^(\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?)(.*)$/is;
const COOKIE_ATTRIBUTE = /^(\s*(path|domain)\s*=\s*)(.*)$/is;
const ABSOLUTE = /^(?:(https?):)?\/\/([^/?#]*)(.*)$/is;

/** Passes requests on as they are, and rewrites the addresses in responses; bodies stay as they are. */
export class RewritingTarget implements Target {
  readonly #inner: Target;
  readonly #options: RewriteOptions;
  readonly #own: URL;
  readonly #basePath: string;

  constructor(inner: Target, options: RewriteOptions) {
    this.#inner = inner;
    this.#options = options;
    this.#own = new URL(options.url);
    this.#basePath = this.#own.pathname.replace(/\/$/, "");
  }

  get isIdle(): boolean {
    return this.#inner.isIdle !== false;
  }

  /** {@inheritDoc Target.handle} */
  async handle(request: RelayRequest, context: TargetContext): Promise<RelayResponse> {
    const response = await this.#inner.handle(request, context);
    const places: Places = {
      own: this.#own,
      basePath: this.#basePath,
      publicPath: this.#options.publicPath(request),
      publicHost: headerValue(request.headers, "x-forwarded-host")?.toLowerCase(),
    };
    return { ...response, headers: rewriteHeaders(response.headers, places) };
  }

  /** {@inheritDoc Target.retire} */
  retire(): void {
    this.#inner.retire?.();
  }

  /** {@inheritDoc Target.drain} */
  drain(): void {
    this.#inner.drain?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]?.();
  }
}

function rewriteHeaders(headers: HeaderLines, places: Places): HeaderLine[] {
  return headers.map(([name, value]) => {
    const lowerCaseName = name.toLowerCase();
    if (ADDRESSES.has(lowerCaseName)) return [name, rewriteAddress(value, places)];
    if (lowerCaseName === "refresh") return [name, rewriteRefresh(value, places)];
    return lowerCaseName === "set-cookie" ? [name, rewriteCookie(value, places)] : [name, value];
  });
}

/** An address of the application becomes a path of the server; any other, and a relative one, stays as it is. */
function rewriteAddress(value: string, places: Places): string {
  const absolute = ABSOLUTE.exec(value);
  if (absolute !== null) {
    const [, scheme = places.own.protocol.slice(0, -1), authority = "", rest = ""] = absolute;
    if (!isOwn(`${scheme.toLowerCase()}://${authority}`, places)) return value;
    return rewritePath(rest.startsWith("/") ? rest : `/${rest}`, places) ?? value;
  }
  return value.startsWith("/") ? rewritePath(value, places) ?? value : value;
}

/** With `preserveHost` the application knows itself by the public host. */
function isOwn(origin: string, { own, publicHost }: Places): boolean {
  const url = URL.parse(origin);
  return url !== null && url.username === "" && url.password === "" &&
    (url.origin === own.origin || url.host === publicHost || url.host === own.host);
}

/** @returns `undefined` when the path is none of the application's, or a public one already. */
function rewritePath(path: string, { basePath, publicPath }: Places): string | undefined {
  if (publicPath !== "" && isBelow(path, publicPath)) return undefined;
  return isBelow(path, basePath) ? publicPath + (path.slice(basePath.length) || "/") : undefined;
}

function isBelow(path: string, base: string): boolean {
  return path.startsWith(base) && /^(?:$|[/?#])/.test(path.slice(base.length));
}

function rewriteRefresh(value: string, places: Places): string {
  const [, start, text] = REFRESH.exec(withoutTrailingBlanks(value)) ?? [];
  if (start === undefined || text === undefined) return value;
  const quote = /^(["']).*\1$/s.exec(text)?.[1] ?? "";
  const address = text.slice(quote.length, text.length - quote.length);
  return `${start}${quote}${rewriteAddress(address, places)}${quote}`;
}

/** `__Host-` cookies are valid with `Path=/` and without `Domain` only (RFC 6265bis section 4.1.3.2). */
function rewriteCookie(value: string, places: Places): string {
  const [cookie = "", ...attributes] = value.split(";");
  if (/^\s*__host-/i.test(cookie)) return value;
  return [cookie, ...attributes.flatMap((attribute) => rewriteAttribute(attribute, places))].join(";");
}

function rewriteAttribute(attribute: string, places: Places): string[] {
  const [, start, name = "", path = ""] = COOKIE_ATTRIBUTE.exec(withoutTrailingBlanks(attribute)) ?? [];
  if (start === undefined) return [attribute];
  if (name.toLowerCase() === "domain") return namesOwnDomain(path, places) ? [] : [attribute];
  const rewritten = path.startsWith("/") ? rewritePath(path, places) : undefined;
  if (rewritten === undefined) return [attribute];
  // Without the slash the cookie also comes with a request for the application's very root.
  return [start + (rewritten === `${places.publicPath}/` && places.publicPath !== "" ? places.publicPath : rewritten)];
}

/** A domain that the application's host lies in and the public one does not: a browser would refuse the cookie. */
function namesOwnDomain(value: string, { own, publicHost }: Places): boolean {
  const domain = value.replace(/^\./, "").toLowerCase();
  const publicName = publicHost?.replace(/:\d+$/, "");
  const covers = (host: string | undefined) => host !== undefined && (host === domain || host.endsWith(`.${domain}`));
  return domain !== "" && covers(own.hostname) && !covers(publicName);
}
