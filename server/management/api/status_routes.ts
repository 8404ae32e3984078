/**
 * `/management/status`: how the server is.
 *
 * @module
 */

import { statusDocumentSchema, type StatusService } from "../status_service.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { describeRoute, jsonAnswer } from "./route.ts";

/** What the routes work with. */
export interface StatusRoutesParts extends ApiBasics {
  readonly status: StatusService;
}

/** Adds the routes. */
export function addStatusRoutes(api: Api, { credentials, status }: StatusRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/status",
    tags: ["Origins"],
    summary: "Tell how this server is, and who is connected",
    responses: { 200: jsonAnswer("The status.", statusDocumentSchema) },
  }, { role: "reader", credentials });
  api.openapi(route, async (context) => context.json(await status.read(), 200));
}
