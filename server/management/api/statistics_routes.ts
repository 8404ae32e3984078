/**
 * `/management/tenants/{name}/statistics`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { statisticsDocumentSchema, statisticsFilterFields, type StatisticsService } from "../statistics_service.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { describeRoute, jsonAnswer, tenantParameter } from "./route.ts";

/** What the routes work with. */
export interface StatisticsRoutesParts extends ApiBasics {
  readonly statistics: StatisticsService;
}

/** Adds the routes. */
export function addStatisticsRoutes(api: Api, { credentials, statistics }: StatisticsRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/tenants/{name}/statistics",
    tags: ["Statistics"],
    summary: "Sum up what was relayed for a tenant, by interval",
    description: "Intervals begin at multiples of the resolution in UTC; the first contains `from`.",
    request: { params: tenantParameter, query: z.strictObject(statisticsFilterFields) },
    responses: { 200: jsonAnswer("The intervals.", statisticsDocumentSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    return context.json(await statistics.find(context.req.valid("param").name, context.req.valid("query")), 200);
  });
}
