/**
 * `/management/session`: login, logout, who one is, and one's own password.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { ROLES } from "../../persistence/mod.ts";
import type { Principal } from "../credentials.ts";
import { textSchema } from "../input.ts";
import { ManagementError } from "../management_error.ts";
import type { SessionService } from "../session_service.ts";
import { passwordChangeSchema, type UserService } from "../user_service.ts";
import { refuseOtherSites, sessionTokenOf } from "./authentication.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { describeRoute, jsonAnswer, jsonBody } from "./route.ts";
import { clearSessionCookie, setSessionCookie } from "./session_cookie.ts";

const TAGS = ["Session"];
const PATH = "/management/session";

/** What the routes work with. */
export interface SessionRoutesParts extends ApiBasics {
  readonly sessions: SessionService;
  readonly users: UserService;
}

const loginSchema = z.strictObject({
  name: textSchema(200),
  password: z.string().max(2_000).meta({ writeOnly: true }),
}).meta({ id: "Login" });

const principalSchema = z.object({
  kind: z.enum(["user", "api_key"]),
  id: z.guid(),
  name: z.string(),
  role: z.enum(ROLES),
}).meta({ id: "Principal" });

/** Who one is, as it is shown. */
export type PrincipalDocument = z.output<typeof principalSchema>;

const sessionSchema = principalSchema.extend({ expiration: z.iso.datetime() }).meta({ id: "Session" });

/** Who is logged in, and until when, as it is shown. */
export type SessionDocument = z.output<typeof sessionSchema>;

/** Adds the routes. */
export function addSessionRoutes(api: Api, parts: SessionRoutesParts): void {
  addLogin(api, parts);
  addReading(api, parts);
  addLogout(api, parts);
  addPasswordChange(api, parts);
}

function addLogin(api: Api, parts: SessionRoutesParts): void {
  const { credentials, clientAddress, sessions, isSecure } = parts;
  const route = describeRoute({
    method: "post",
    path: PATH,
    tags: TAGS,
    summary: "Log in",
    description: "The session is in a cookie. Who fails often must wait.",
    request: { body: jsonBody(loginSchema) },
    responses: {
      200: {
        ...jsonAnswer("Who is logged in now.", sessionSchema),
        headers: { "Set-Cookie": { schema: { type: "string" }, description: "The session." } },
      },
    },
  }, { credentials, refusals: [401, 403, 429], middleware: [refuseOtherSites] });
  api.openapi(route, async (context) => {
    const address = clientAddress(context.env.incoming);
    const login = await sessions.logIn({ ...context.req.valid("json"), clientAddress: address });
    setSessionCookie(context, { login, isSecure });
    const expiration = new Date(login.expiresAt).toISOString();
    return context.json({ ...toPrincipalDocument(login.principal), expiration }, 200);
  });
}

function addReading(api: Api, { credentials }: SessionRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: PATH,
    tags: TAGS,
    summary: "Tell who one is, by session or API key",
    responses: { 200: jsonAnswer("Who one is.", principalSchema) },
  }, { role: "reader", credentials });
  api.openapi(route, (context) => context.json(toPrincipalDocument(context.get("caller").principal), 200));
}

function addLogout(api: Api, parts: SessionRoutesParts): void {
  const route = describeRoute({
    method: "delete",
    path: PATH,
    tags: TAGS,
    summary: "Log out",
    responses: { 204: { description: "The session has ended." } },
  }, { role: "reader", credentials: parts.credentials });
  api.openapi(route, async (context) => {
    const token = sessionTokenOf(context);
    const { principal } = context.get("caller");
    // With a key in the header it was the key that was looked at, not the cookie.
    if (token !== undefined && principal.kind === "user") {
      await parts.sessions.logOut(token, { principal, actor: actorOf(context, parts) });
    }
    clearSessionCookie(context);
    return context.body(null, 204);
  });
}

function addPasswordChange(api: Api, parts: SessionRoutesParts): void {
  const { credentials, users, sessions } = parts;
  const route = describeRoute({
    method: "put",
    path: `${PATH}/password`,
    tags: TAGS,
    summary: "Change one's own password",
    description: "For people, not for API keys. Other sessions of the user end. Who gives wrong passwords must wait.",
    request: { body: jsonBody(passwordChangeSchema) },
    responses: { 204: { description: "The new password counts." } },
  }, { role: "reader", credentials, refusals: [429] });
  api.openapi(route, async (context) => {
    const { principal: { kind, id, name } } = context.get("caller");
    const sessionToken = sessionTokenOf(context);
    if (kind !== "user" || sessionToken === undefined) {
      throw new ManagementError("access_denied", "Cannot change password: an API key has none");
    }
    const { password, newPassword } = context.req.valid("json");
    const request = { name, password, clientAddress: parts.clientAddress(context.env.incoming) };
    if (!await sessions.confirm(request)) {
      const problems = [{ in: "body", path: "password", message: "This is not the present password" }] as const;
      throw new ManagementError("invalid_request", "Cannot change password: the present one is wrong", { problems });
    }
    await users.update(id, { input: { password: newPassword }, actor: actorOf(context, parts), sessionToken });
    return context.body(null, 204);
  });
}

function toPrincipalDocument({ kind, id, name, role }: Principal): PrincipalDocument {
  return { kind, id, name, role };
}
