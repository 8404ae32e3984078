/**
 * Which URLs may name an OIDC authority.
 *
 * @module
 */

/**
 * Whether a text can name an authority: an absolute `https:` URL without query, fragment and credentials, or `http:` where nobody is in
 * between, on this machine.
 */
export function isIssuerUrl(text: string): boolean {
  const url = /^https?:\/\/[^?#\s\\@]+$/i.test(text) ? URL.parse(text) : null;
  return url !== null && isSafeUrl(url);
}

/** Whether what is fetched from a URL is what its host sent. */
export function isSafeUrl(url: URL): boolean {
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}

/** Whether two spellings name the same authority: a slash at the end makes no difference. */
export function isSameIssuer(one: string, other: string): boolean {
  return withoutSlash(one) === withoutSlash(other);
}

/** An authority's URL without the slash at its end. */
export function withoutSlash(issuer: string): string {
  return issuer.endsWith("/") ? issuer.slice(0, -1) : issuer;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
