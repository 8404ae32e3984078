/**
 * Who may call a route: API keys, sessions, roles, and no pages of other sites.
 *
 * @module
 */

import type { Context, MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import { SESSION_COOKIE } from "../../../shared/http/session_cookie.ts";
import type { Role } from "../../persistence/mod.ts";
import type { Credentials, Principal } from "../credentials.ts";
import { ManagementError } from "../management_error.ts";
import { requireRole } from "../roles.ts";
import type { ApiEnvironment, Caller } from "./environment.ts";

/** The header that carries an API key. */
export const API_KEY_HEADER = "Api-Key";

const SAFE_METHODS = ["GET", "HEAD"];
/** Longer ones are none of ours, and need no look at the database. */
const MAX_CREDENTIAL_LENGTH = 200;

/** Lets those pass whose role includes the needed one, and tells the route who it is. */
export function allow(role: Role, credentials: Credentials): MiddlewareHandler<ApiEnvironment> {
  return async (context, next) => {
    context.set("caller", await authorize(context, { role, credentials }));
    await next();
  };
}

/**
 * Who asks.
 *
 * @throws {ManagementError} `authentication_required`; `access_denied` when the role does not include the needed one, or a page of another
 * site asks for a change.
 */
export async function authorize(
  context: Context<ApiEnvironment>,
  { role, credentials }: { readonly role: Role; readonly credentials: Credentials },
): Promise<Caller> {
  const caller = await identify(context, credentials);
  requireRole(caller.principal.role, role);
  return caller;
}

/** Lets everybody pass but pages of other sites: for a login, which has no credentials yet. */
export const refuseOtherSites: MiddlewareHandler<ApiEnvironment> = async (context, next) => {
  checkSite(context);
  await next();
};

/** The session that a request carries in its cookie. */
export function sessionTokenOf(context: Context<ApiEnvironment>): string | undefined {
  return getCookie(context, SESSION_COOKIE);
}

/** A key that is wrong is not made good by a cookie that is right: whoever sent it means it. */
async function identify(context: Context<ApiEnvironment>, credentials: Credentials): Promise<Caller> {
  const key = context.req.header(API_KEY_HEADER);
  const token = sessionTokenOf(context);
  if (key !== undefined) return await callerBy(() => credentials.apiKeys.verify(key), key);
  if (token === undefined) {
    throw new ManagementError(
      "authentication_required",
      `Cannot tell who asks: send an API key in the header ${API_KEY_HEADER}, or log in`,
    );
  }
  if (!SAFE_METHODS.includes(context.req.method)) checkSite(context);
  return await callerBy(() => credentials.sessions.verify(token), token);
}

async function callerBy(verify: () => Promise<Principal | undefined>, credential: string): Promise<Caller> {
  const principal = credential.length > MAX_CREDENTIAL_LENGTH ? undefined : await verify();
  if (principal === undefined) {
    throw new ManagementError("authentication_required", "The API key or session is not valid, or not any more");
  }
  const isStillKnown = async () => {
    const known = await verify();
    return known !== undefined && known.role === principal.role;
  };
  return { principal, isStillKnown };
}

/**
 * Browsers say where a request comes from, and send cookies along with requests of other sites where `SameSite` is not known to them.
 *
 * @throws {ManagementError} `access_denied`.
 */
function checkSite({ req }: Context<ApiEnvironment>): void {
  const site = req.header("Sec-Fetch-Site");
  const origin = req.header("Origin");
  const isOwn = (site === undefined || site === "same-origin" || site === "none") &&
    (origin === undefined || URL.parse(origin)?.host === hostOf(req.header("Host"), origin));
  if (!isOwn) throw new ManagementError("access_denied", "Cannot do this for a page of another site");
}

/** A `Host` as a URL of the same scheme would have it, which leaves out a scheme's own port. */
function hostOf(host: string | undefined, origin: string): string | undefined {
  const scheme = URL.parse(origin)?.protocol ?? "http:";
  return URL.parse(`${scheme}//${host ?? ""}`)?.host;
}
