/**
 * Keeps one target's cookies from all others below the same domain.
 *
 * @module
 */

import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";

const DOMAIN = /^\s*domain\s*=\s*"?\.?(.*?)\.?"?\s*$/is;

/**
 * Takes `Domain` out of every `Set-Cookie` that names the base domain or one above it: the cookie then belongs to the target's own host. What
 * else a line says stays byte for byte.
 *
 * @param baseDomain In lower case, without a dot at its end.
 */
export function withoutSharedCookies(headers: HeaderLines, baseDomain: string): HeaderLine[] {
  return headers.map((line) => {
    const [name, value] = line;
    return name.toLowerCase() === "set-cookie" ? [name, withoutSharedDomain(value, baseDomain)] : line;
  });
}

/** The first part is the cookie itself, whatever its name. */
function withoutSharedDomain(value: string, baseDomain: string): string {
  const [cookie, ...attributes] = value.split(";");
  return [cookie, ...attributes.filter((attribute) => !isShared(attribute, baseDomain))].join(";");
}

function isShared(attribute: string, baseDomain: string): boolean {
  const domain = DOMAIN.exec(attribute)?.[1]?.toLowerCase();
  return domain !== undefined && domain !== "" && (baseDomain === domain || baseDomain.endsWith(`.${domain}`));
}
