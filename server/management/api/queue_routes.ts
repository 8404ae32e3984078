/**
 * `/management/tenants/{name}/queue` and `/management/tenants/{name}/dead-letters`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import {
  type QueueService,
  type StoredList,
  storedRequestDetailsSchema,
  storedRequestDocumentSchema,
  toStoredRequestDetails,
  toStoredRequestDocument,
} from "../queue_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, tenantParameter } from "./route.ts";

const one = tenantParameter.extend(idParameter.shape);
const pageOfRequests = pageSchema(storedRequestDocumentSchema, "StoredRequestPage");
const removalSchema = z.object({ removed: z.int() });

/** How many requests were removed, as it is shown. */
export type RemovalDocument = z.output<typeof removalSchema>;

/** What the routes work with. */
export interface QueueRoutesParts extends ApiBasics {
  readonly queue: QueueService;
}

interface ListNames {
  readonly list: StoredList;
  readonly path: string;
  readonly tag: string;
  /** What its entries are called. */
  readonly entries: string;
}

/** Adds the routes. */
export function addQueueRoutes(api: Api, parts: QueueRoutesParts): void {
  const path = "/management/tenants/{name}";
  const lists: ListNames[] = [
    { list: "queue", path: `${path}/queue`, tag: "Queue", entries: "requests that are stored until they are settled" },
    { list: "deadLetters", path: `${path}/dead-letters`, tag: "Dead letters", entries: "requests that were given up" },
  ];
  for (const names of lists) {
    addReading(api, parts, names);
    addRemoval(api, parts, names);
  }
  addResending(api, parts);
}

function addReading(api: Api, { credentials, queue }: QueueRoutesParts, { list, path, tag, entries }: ListNames): void {
  const options = { role: "reader", credentials, refusals: [404] } as const;
  const listing = describeRoute({
    method: "get",
    path,
    tags: [tag],
    summary: `List ${entries}`,
    request: { params: tenantParameter, query: z.strictObject(pageParameters) },
    responses: { 200: jsonAnswer("A page of requests, oldest first.", pageOfRequests) },
  }, options);
  api.openapi(listing, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    const { results, totalCount } = await queue.list(context.req.valid("param").name, { list, ...range });
    return context.json(toPage(results.map(toStoredRequestDocument), totalCount, range), 200);
  });
  const reading = describeRoute({
    method: "get",
    path: `${path}/{id}`,
    tags: [tag],
    summary: `Read one of the ${entries}`,
    request: { params: one },
    responses: { 200: jsonAnswer("The request.", storedRequestDetailsSchema) },
  }, options);
  api.openapi(reading, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    return context.json(toStoredRequestDetails(await queue.get({ tenantName, list, id })), 200);
  });
}

function addRemoval(api: Api, parts: QueueRoutesParts, { list, path, tag, entries }: ListNames): void {
  const options = { role: "writer", credentials: parts.credentials, refusals: [404] } as const;
  const removalOfAll = describeRoute({
    method: "delete",
    path,
    tags: [tag],
    summary: `Remove all ${entries}`,
    description: "What is being delivered may reach its target all the same.",
    request: { params: tenantParameter },
    responses: { 200: jsonAnswer("How many were removed.", removalSchema) },
  }, options);
  api.openapi(removalOfAll, async (context) => {
    const { name: tenantName } = context.req.valid("param");
    return context.json({ removed: await parts.queue.remove({ tenantName, list }, actorOf(context, parts)) }, 200);
  });
  const removal = describeRoute({
    method: "delete",
    path: `${path}/{id}`,
    tags: [tag],
    summary: `Remove one of the ${entries}`,
    request: { params: one },
    responses: { 204: { description: "It is gone." } },
  }, options);
  api.openapi(removal, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    await parts.queue.remove({ tenantName, list, id }, actorOf(context, parts));
    return context.body(null, 204);
  });
}

function addResending(api: Api, parts: QueueRoutesParts): void {
  const resending = describeRoute({
    method: "post",
    path: "/management/tenants/{name}/dead-letters/{id}/resend",
    tags: ["Dead letters"],
    summary: "Deliver a dead letter again, as if it were new",
    request: { params: one },
    responses: { 204: { description: "It waits in the queue." } },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(resending, async (context) => {
    const { name, id } = context.req.valid("param");
    await parts.queue.resend(name, { id, actor: actorOf(context, parts) });
    return context.body(null, 204);
  });
}
