/**
 * What the routes of the API work in.
 *
 * @module
 */

import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ListenerRequest } from "../../listener/listener.ts";
import type { Actor } from "../../persistence/mod.ts";
import type { Credentials, Principal } from "../credentials.ts";

/** Who asks, and by what. */
export interface Caller {
  readonly principal: Principal;
  /** Whether the credentials still count. */
  isStillKnown(): Promise<boolean>;
}

/** Hono's types for the API. */
export interface ApiEnvironment {
  Bindings: { readonly incoming: ListenerRequest };
  Variables: { caller: Caller };
}

/** The application that routes are added to. */
export type Api = OpenAPIHono<ApiEnvironment>;

/** What every route may need. */
export interface ApiBasics {
  readonly credentials: Credentials;
  /** The address of the client behind trusted proxies. */
  readonly clientAddress: (request: ListenerRequest) => string;
  /** Whether the client speaks HTTPS, to this server or to a trusted proxy before it. */
  readonly isSecure: (request: ListenerRequest) => boolean;
}

/** The one who asks, for the audit. */
export function actorOf(context: Context<ApiEnvironment>, { clientAddress }: ApiBasics): Actor {
  const { kind, id, name } = context.get("caller").principal;
  return { kind, id, name, clientAddress: clientAddress(context.env.incoming) };
}
