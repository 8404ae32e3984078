/**
 * `/management/requests` and `/management/tenants/{name}/requests`: the request log, and where its requests were recorded.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { REQUEST_SEARCH_LIMIT, type RequestPage } from "../../persistence/mod.ts";
import {
  requestDocumentSchema,
  requestFilterFields,
  type RequestLogService,
  toRequestDocument,
} from "../request_log_service.ts";
import { idSchema } from "../input.ts";
import type { RecordingService } from "../recordings/recording_service.ts";
import { tenantNameSchema } from "../tenant_document.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { pageParameters, type PageRange, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, tenantParameter } from "./route.ts";

const TAGS = ["Request log"];

/** What the routes work with. */
export interface RequestRoutesParts extends ApiBasics {
  readonly requests: RequestLogService;
  readonly recordings: RecordingService;
}

const recordedPlacesSchema = z.object({
  results: z.array(z.object({
    recordingId: z.guid(),
    id: z.guid().meta({ description: "Id of the record." }),
  })),
}).meta({ id: "RecordedPlaces" });

/** Where a request was recorded, as it is shown. */
export type RecordedPlacesDocument = z.output<typeof recordedPlacesSchema>;

const requestPageSchema = pageSchema(requestDocumentSchema, "RequestPage").extend({
  continueBefore: z.iso.datetime().nullable().meta({
    description: "Not null when there are older requests that were not looked at: ask again with it as `to`.",
  }),
}).meta({ id: "RequestPage" });

/** A page of requests as it is shown. */
export type RequestPageDocument = z.output<typeof requestPageSchema>;

const description =
  `Newest first. A search looks at the newest ${REQUEST_SEARCH_LIMIT} requests of the tenant, time and outcomes asked ` +
  "for, and totalCount counts what it found among them.";

/** Adds the routes. */
export function addRequestRoutes(api: Api, { credentials, requests, recordings }: RequestRoutesParts): void {
  const ofAll = describeRoute({
    method: "get",
    path: "/management/requests",
    tags: TAGS,
    summary: "Search the request log",
    description,
    request: {
      query: z.strictObject({
        ...pageParameters,
        ...requestFilterFields,
        tenant: tenantNameSchema.optional().meta({ description: "Name of a tenant." }),
        tenantId: idSchema.optional().meta({ description: "Id of a tenant, which may be gone." }),
      }),
    },
    responses: { 200: jsonAnswer("A page of requests.", requestPageSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(ofAll, async (context) => {
    const { skip, take, tenant, tenantId, ...filter } = context.req.valid("query");
    const range = rangeOf({ skip, take });
    const page = await requests.find({ filter, tenantName: tenant, tenantId, ...range });
    return context.json(toRequestPage(page, range), 200);
  });

  const ofTenant = describeRoute({
    method: "get",
    path: "/management/tenants/{name}/requests",
    tags: TAGS,
    summary: "Search the request log of a tenant",
    description,
    request: { params: tenantParameter, query: z.strictObject({ ...pageParameters, ...requestFilterFields }) },
    responses: { 200: jsonAnswer("A page of requests.", requestPageSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(ofTenant, async (context) => {
    const { skip, take, ...filter } = context.req.valid("query");
    const range = rangeOf({ skip, take });
    const page = await requests.find({ filter, tenantName: context.req.valid("param").name, ...range });
    return context.json(toRequestPage(page, range), 200);
  });

  const one = describeRoute({
    method: "get",
    path: "/management/requests/{id}",
    tags: TAGS,
    summary: "Read a request of the log",
    request: { params: idParameter },
    responses: { 200: jsonAnswer("The request.", requestDocumentSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(one, async (context) => {
    return context.json(toRequestDocument(await requests.get(context.req.valid("param").id)), 200);
  });

  const recorded = describeRoute({
    method: "get",
    path: "/management/requests/{id}/recordings",
    tags: TAGS,
    summary: "Tell which recordings hold a request of the log",
    request: { params: idParameter },
    responses: { 200: jsonAnswer("Where it was recorded; several recordings may run at once.", recordedPlacesSchema) },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(recorded, async (context) => {
    const { id, tenantId, startedAt } = await requests.get(context.req.valid("param").id);
    const results = tenantId === null ? [] : await recordings.findByRequest(tenantId, { requestId: id, startedAt });
    return context.json({ results }, 200);
  });
}

function toRequestPage(
  { results, totalCount, continueBeforeMs }: RequestPage,
  range: PageRange,
): RequestPageDocument {
  return {
    ...toPage(results.map(toRequestDocument), totalCount, range),
    continueBefore: continueBeforeMs === undefined ? null : new Date(continueBeforeMs).toISOString(),
  };
}
