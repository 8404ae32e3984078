/**
 * `/management/statistics`, of all tenants or of one, and by target.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import {
  statisticsDocumentSchema,
  statisticsFilterFields,
  type StatisticsService,
  targetFilterFields,
  targetTotalsSchema,
} from "../statistics_service.ts";
import { tenantNameSchema } from "../tenant_document.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { integerParameter } from "./paging.ts";
import { describeRoute, jsonAnswer, tenantParameter } from "./route.ts";

/** What the routes work with. */
export interface StatisticsRoutesParts extends ApiBasics {
  readonly statistics: StatisticsService;
}

const TAGS = ["Statistics"];
const MAX_TARGETS = 100;
const DEFAULT_TARGETS = 10;

const targetListSchema = z.object({ results: z.array(targetTotalsSchema) }).meta({ id: "TargetList" });

/** The targets with the most of something, as they are shown. */
export type TargetListDocument = z.output<typeof targetListSchema>;

/** Adds the routes. */
export function addStatisticsRoutes(api: Api, parts: StatisticsRoutesParts): void {
  addTotals(api, parts);
  addTargets(api, parts);
  addTenantTotals(api, parts);
}

function addTotals(api: Api, { credentials, statistics }: StatisticsRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/statistics",
    tags: TAGS,
    summary: "Sum up what was relayed, by interval",
    description: "Intervals begin at multiples of the resolution in UTC; the first contains `from`.",
    request: { query: z.strictObject(statisticsFilterFields) },
    responses: { 200: jsonAnswer("The intervals.", statisticsDocumentSchema) },
  }, { role: "reader", credentials });
  api.openapi(route, async (context) => {
    return context.json(await statistics.find(undefined, context.req.valid("query")), 200);
  });
}

function addTargets(api: Api, { credentials, statistics }: StatisticsRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/statistics/targets",
    tags: TAGS,
    summary: "List the targets with the most requests, the most errors or the longest durations",
    request: {
      query: z.strictObject({
        ...targetFilterFields,
        tenant: tenantNameSchema.optional().meta({ description: "Of this tenant; of all unless given." }),
        take: integerParameter({ minimum: 1, maximum: MAX_TARGETS }).optional(),
      }),
    },
    responses: { 200: jsonAnswer("The targets, without those that have none of it.", targetListSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { tenant, take = DEFAULT_TARGETS, ...filter } = context.req.valid("query");
    return context.json({ results: await statistics.findTargets(tenant, { ...filter, take }) }, 200);
  });
}

function addTenantTotals(api: Api, { credentials, statistics }: StatisticsRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/tenants/{name}/statistics",
    tags: TAGS,
    summary: "Sum up what was relayed for a tenant, by interval",
    description: "Intervals begin at multiples of the resolution in UTC; the first contains `from`.",
    request: { params: tenantParameter, query: z.strictObject(statisticsFilterFields) },
    responses: { 200: jsonAnswer("The intervals.", statisticsDocumentSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    return context.json(await statistics.find(context.req.valid("param").name, context.req.valid("query")), 200);
  });
}
