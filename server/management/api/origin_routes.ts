/**
 * `/management/origins`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { type Origin, ORIGIN_STATES } from "../../persistence/mod.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { pageOf, pageParameters, pageSchema, rangeOf } from "./paging.ts";
import { describeRoute, jsonAnswer } from "./route.ts";

/** What the routes work with. */
export interface OriginRoutesParts extends ApiBasics {
  readonly origins: { list(): Promise<readonly Origin[]> };
}

const originSchema = z.object({
  id: z.guid().meta({ description: "A new one at every start." }),
  machineName: z.string(),
  version: z.string(),
  publicUrl: z.string().nullable(),
  state: z.enum(ORIGIN_STATES),
  connections: z.int().meta({ description: "Connectors that are connected to it." }),
  started: z.iso.datetime(),
  lastSeen: z.iso.datetime().meta({ description: "One that did not stop in order just ceases to be seen." }),
}).meta({ id: "Origin" });

/** A server instance as it is shown. */
export type OriginDocument = z.output<typeof originSchema>;

/** Adds the routes. */
export function addOriginRoutes(api: Api, { credentials, origins }: OriginRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/origins",
    tags: ["Origins"],
    summary: "List the server instances",
    request: { query: z.strictObject(pageParameters) },
    responses: { 200: jsonAnswer("A page of origins, the newest first.", pageSchema(originSchema, "OriginPage")) },
  }, { role: "reader", credentials });
  api.openapi(route, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    return context.json(pageOf((await origins.list()).map(toOriginDocument), range), 200);
  });
}

function toOriginDocument({ startedAt, lastSeenAt, ...origin }: Origin): OriginDocument {
  return { ...origin, started: new Date(startedAt).toISOString(), lastSeen: new Date(lastSeenAt).toISOString() };
}
