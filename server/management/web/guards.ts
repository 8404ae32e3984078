/**
 * What every page has in common: headers, who may see it, and what is shown when something goes wrong.
 *
 * @module
 */

import type { MiddlewareHandler } from "hono";
import type { ApiEnvironment } from "../api/environment.ts";
import type { WebContext } from "./environment.ts";

/** Nothing from elsewhere, no script or style in a page, and no other site around it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

/** Adds the headers of pages. What is shown is of one person at one time, so nobody keeps it. */
export const withPageHeaders: MiddlewareHandler<ApiEnvironment> = async (context, next) => {
  await next();
  context.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
  context.header("X-Content-Type-Options", "nosniff");
  // Forms of the same site need their origin told.
  context.header("Referrer-Policy", "same-origin");
  context.header("Cross-Origin-Opener-Policy", "same-origin");
  if (!context.res.headers.has("Cache-Control")) context.header("Cache-Control", "no-store");
};

/** Where somebody wanted to go who had to log in first: a place on this site, or the dashboard. */
export function safePath(path: string | undefined): string {
  return path !== undefined && /^\/(?![/\\])[\x21-\x7e]*$/.test(path) ? path : "/";
}

/** Leads to another page; what htmx asked for is not put into the middle of this one. */
export function goTo(context: WebContext, path: string): Response {
  if (context.req.header("HX-Request") === undefined) return context.redirect(path, 303);
  return context.body(null, 200, { "HX-Redirect": path });
}
