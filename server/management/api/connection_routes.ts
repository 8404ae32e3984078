/**
 * `/management/tenants/{name}/connections`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { connectionDocumentSchema, type ConnectionService, toConnectionDocument } from "../connection_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageOf, pageParameters, pageSchema, rangeOf } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, tenantParameter } from "./route.ts";

const TAGS = ["Connections"];
const PATH = "/management/tenants/{name}/connections";

/** What the routes work with. */
export interface ConnectionRoutesParts extends ApiBasics {
  readonly connections: ConnectionService;
}

/** Adds the routes. */
export function addConnectionRoutes(api: Api, parts: ConnectionRoutesParts): void {
  const { credentials, connections } = parts;
  const listing = describeRoute({
    method: "get",
    path: PATH,
    tags: TAGS,
    summary: "List who is connected for a tenant",
    request: { params: tenantParameter, query: z.strictObject(pageParameters) },
    responses: {
      200: jsonAnswer("A page of connections, oldest first.", pageSchema(connectionDocumentSchema, "ConnectionPage")),
    },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(listing, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    const entries = await connections.list(context.req.valid("param").name);
    return context.json(pageOf(entries.map(toConnectionDocument), range), 200);
  });

  const removal = describeRoute({
    method: "delete",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Disconnect a connector",
    description:
      "Requests under way on it have five seconds to finish. The connector connects again if it may: to keep it out, remove its secret.",
    request: { params: tenantParameter.extend(idParameter.shape) },
    responses: { 204: { description: "The connection ends." } },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(removal, async (context) => {
    const { name, id } = context.req.valid("param");
    await connections.disconnect(name, { id, actor: actorOf(context, parts) });
    return context.body(null, 204);
  });
}
