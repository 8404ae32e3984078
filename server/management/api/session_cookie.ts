/**
 * The session's cookie: no page of another site gets it sent along, and no script can read it.
 *
 * @module
 */

import type { Context } from "hono";
import { deleteCookie, setCookie } from "hono/cookie";
import { SESSION_COOKIE } from "../../../shared/http/session_cookie.ts";
import type { Login } from "../credentials.ts";
import type { ApiBasics, ApiEnvironment } from "./environment.ts";

/** Gives a session to the client. */
export function setSessionCookie(
  context: Context<ApiEnvironment>,
  { login, isSecure }: Pick<ApiBasics, "isSecure"> & { readonly login: Login },
): void {
  setCookie(context, SESSION_COOKIE, login.token, {
    path: "/",
    httpOnly: true,
    sameSite: "Strict",
    secure: isSecure(context.env.incoming),
    expires: new Date(login.expiresAt),
  });
}

/** Takes it back. */
export function clearSessionCookie(context: Context<ApiEnvironment>): void {
  deleteCookie(context, SESSION_COOKIE, { path: "/" });
}
