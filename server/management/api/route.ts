/**
 * What all routes have in common: who may call them, what they answer when they refuse, how they read documents.
 *
 * @module
 */

import { createRoute, type RouteConfig, z } from "@hono/zod-openapi";
import type { MiddlewareHandler } from "hono";
import type { Credentials } from "../credentials.ts";
import { idSchema } from "../input.ts";
import type { Role } from "../../persistence/mod.ts";
import { allow } from "./authentication.ts";
import type { ApiEnvironment } from "./environment.ts";
import { readsJson } from "./json_body.ts";
import { problemSchema } from "./problem.ts";

/** Names of the security schemes in the description. */
export const SECURITY_SCHEMES = { apiKey: "apiKey", session: "session" } as const;

const REFUSALS = {
  400: "The input breaks the rules; the problems say where and how.",
  401: "There are no credentials, or they are not valid.",
  403: "The role does not allow it.",
  404: "There is nothing of that name or id.",
  408: "The document took too long to arrive.",
  409: "The name is in use, or the tenant has stored requests.",
  412: "Somebody else has changed it in the meantime.",
  413: "The document is too large.",
  415: "The document is not JSON.",
  429: "There were too many attempts.",
  503: "The server cannot do it now.",
} as const;

/** A status with which a route may refuse. */
export type Refusal = keyof typeof REFUSALS;

type Description = Pick<RouteConfig, "method" | "path" | "request" | "responses" | "tags"> & {
  readonly summary: string;
  readonly description?: string;
};

/** What a route is, besides what {@link createRoute} knows. */
export interface RouteOptions {
  /** Who may call it; everybody when absent. */
  readonly role?: Role;
  readonly credentials: Credentials;
  /** Statuses with which it may refuse, besides those that follow from the rest. */
  readonly refusals?: readonly Refusal[];
  /** Run before the credentials are looked at. */
  readonly middleware?: readonly MiddlewareHandler<ApiEnvironment>[];
}

/** Describes a route and puts the common handlers before it. */
export function describeRoute<const R extends Description>(
  route: R,
  { role, credentials, refusals = [], middleware = [] }: RouteOptions,
) {
  const hasBody = route.request?.body !== undefined;
  const all: readonly Refusal[] = [
    400,
    ...(role === undefined ? [] : [401, 403] as const),
    ...(hasBody ? [408, 413, 415] as const : []),
    503,
    ...refusals,
  ];
  return createRoute({
    ...route,
    security: role === undefined ? [] : [{ [SECURITY_SCHEMES.apiKey]: [] }, { [SECURITY_SCHEMES.session]: [] }],
    description: [route.description, role && `Takes the role ${role}.`].filter(Boolean).join(" "),
    middleware: [
      ...middleware,
      ...(role === undefined ? [] : [allow(role, credentials)]),
      ...(hasBody ? [readsJson()] : []),
    ],
    responses: { ...problemResponses(all), ...route.responses } as R["responses"],
  });
}

function problemResponses(refusals: readonly Refusal[]): RouteConfig["responses"] {
  return Object.fromEntries(
    [...new Set(refusals)].sort().map((status) => [status, {
      description: REFUSALS[status],
      content: { "application/problem+json": { schema: problemSchema } },
    }]),
  );
}

/** A JSON document in an answer. */
export function jsonAnswer<T extends z.ZodType>(description: string, schema: T) {
  return { description, content: { "application/json": { schema } } };
}

/** A JSON document in a request. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true, content: { "application/json": { schema } } } as const;
}

/** The name of a tenant in a path. What no tenant can be called is not found. */
export const tenantParameter = z.object({
  name: z.string().meta({ description: "Name of the tenant, in any case.", param: { name: "name", in: "path" } }),
});

/** An id in a path. */
export const idParameter = z.object({ id: idSchema.meta({ param: { name: "id", in: "path" } }) });
