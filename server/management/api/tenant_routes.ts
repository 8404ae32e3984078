/**
 * `/management/tenants`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import type { Tenant } from "../../persistence/mod.ts";
import type { ConnectionService } from "../connection_service.ts";
import { textSchema } from "../input.ts";
import { tenantListFields, tenantListOptions } from "../tenant_list.ts";
import { newTenantSchema, tenantChangeSchema, tenantDocumentSchema, toTenantDocument } from "../tenant_document.ts";
import type { TenantService } from "../tenant_service.ts";
import { entityTag, isKnown, readIfMatch, type Tagged } from "./entity_tag.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, jsonAnswer, jsonBody, tenantParameter } from "./route.ts";

const TAGS = ["Tenants"];

/** What the routes work with. */
export interface TenantRoutesParts extends ApiBasics {
  readonly tenants: TenantService;
  readonly connections: Pick<ConnectionService, "count" | "totals">;
}

const shownTenantSchema = tenantDocumentSchema.extend({
  connections: z.int().meta({ description: "How many connections it has; more than none is online." }),
}).meta({ id: "Tenant" });

/** A tenant as it is shown, with who is connected. */
export type ShownTenantDocument = z.output<typeof shownTenantSchema>;

const ifMatch = z.object({
  "if-match": z.string().optional().meta({
    description:
      "The change is made only if the tenant still has the version of this ETag; without it the last change wins.",
  }),
});

const tagged = {
  ETag: { schema: { type: "string" as const }, description: "The tenant's version, and how many connections it has." },
};

/** Adds the routes. */
export function addTenantRoutes(api: Api, parts: TenantRoutesParts): void {
  addListing(api, parts);
  addCreation(api, parts);
  addReading(api, parts);
  addChange(api, parts);
  addRemoval(api, parts);
}

function shown(tenant: Tenant, { connections }: TenantRoutesParts): ShownTenantDocument {
  return { ...toTenantDocument(tenant), connections: connections.count(tenant.id) };
}

function addListing(api: Api, parts: TenantRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/tenants",
    tags: TAGS,
    summary: "List tenants by name",
    request: {
      query: z.strictObject({
        ...pageParameters,
        search: textSchema(200).optional().meta({
          description: "Only those whose name or display name contains it, without regard to case.",
        }),
        ...tenantListFields,
      }),
    },
    responses: { 200: jsonAnswer("A page of tenants.", pageSchema(shownTenantSchema, "TenantPage")) },
  }, { role: "reader", credentials: parts.credentials });
  api.openapi(route, async (context) => {
    const { search = "", sort, state, ...page } = context.req.valid("query");
    const range = rangeOf(page);
    const options = tenantListOptions({ sort, state }, parts.connections);
    const { results, totalCount } = await parts.tenants.list({ ...range, ...options, search });
    return context.json(toPage(results.map((tenant) => shown(tenant, parts)), totalCount, range), 200);
  });
}

function addCreation(api: Api, parts: TenantRoutesParts): void {
  const route = describeRoute({
    method: "post",
    path: "/management/tenants",
    tags: TAGS,
    summary: "Make a tenant",
    request: { body: jsonBody(newTenantSchema) },
    responses: {
      201: {
        ...jsonAnswer("The tenant.", shownTenantSchema),
        headers: { ...tagged, Location: { schema: { type: "string" }, description: "Where it is." } },
      },
    },
  }, { role: "writer", credentials: parts.credentials, refusals: [409] });
  api.openapi(route, async (context) => {
    const tenant = await parts.tenants.create(context.req.valid("json"), actorOf(context, parts));
    const document = shown(tenant, parts);
    context.header("ETag", entityTag(taggedBy(tenant, document)));
    context.header("Location", `/management/tenants/${tenant.name}`);
    return context.json(document, 201);
  });
}

function addReading(api: Api, parts: TenantRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/tenants/{name}",
    tags: TAGS,
    summary: "Read a tenant",
    request: {
      params: tenantParameter,
      headers: z.object({
        "if-none-match": z.string().optional().meta({ description: "The ETag of what the client has already." }),
      }),
    },
    responses: {
      200: { ...jsonAnswer("The tenant.", shownTenantSchema), headers: tagged },
      304: { description: "The tenant still has this ETag.", headers: tagged },
    },
  }, { role: "reader", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const tenant = await parts.tenants.get(context.req.valid("param").name);
    const document = shown(tenant, parts);
    const tagged = taggedBy(tenant, document);
    context.header("ETag", entityTag(tagged));
    if (isKnown(context.req.valid("header")["if-none-match"], tagged)) return context.body(null, 304);
    return context.json(document, 200);
  });
}

function addChange(api: Api, parts: TenantRoutesParts): void {
  const route = describeRoute({
    method: "put",
    path: "/management/tenants/{name}",
    tags: TAGS,
    summary: "Change a tenant",
    description: "A field that RelayServer v3 has gets its default when it is absent; the others (acknowledgeMode, " +
      "requireActiveConnection, enabled, accessPolicy) keep their values. Effective at once on what is connected here.",
    request: { params: tenantParameter, headers: ifMatch, body: jsonBody(tenantChangeSchema) },
    responses: { 200: { ...jsonAnswer("The tenant as it is now.", shownTenantSchema), headers: tagged } },
  }, { role: "writer", credentials: parts.credentials, refusals: [404, 412] });
  api.openapi(route, async (context) => {
    const tenant = await parts.tenants.update(context.req.valid("param").name, {
      input: context.req.valid("json"),
      actor: actorOf(context, parts),
      versions: readIfMatch(context.req.valid("header")["if-match"]),
    });
    const document = shown(tenant, parts);
    context.header("ETag", entityTag(taggedBy(tenant, document)));
    return context.json(document, 200);
  });
}

function addRemoval(api: Api, parts: TenantRoutesParts): void {
  const route = describeRoute({
    method: "delete",
    path: "/management/tenants/{name}",
    tags: TAGS,
    summary: "Remove a tenant and its secrets",
    description: "Its connections end. A tenant of that name that is made later inherits nothing.",
    request: {
      params: tenantParameter,
      headers: ifMatch,
      query: z.strictObject({
        discardQueued: z.enum(["true", "false"]).optional().meta({
          description: "Whether queued requests and dead letters go with it; without it a tenant that has any stays.",
        }),
      }),
    },
    responses: { 204: { description: "It is gone." } },
  }, { role: "writer", credentials: parts.credentials, refusals: [404, 409, 412] });
  api.openapi(route, async (context) => {
    const versions = readIfMatch(context.req.valid("header")["if-match"]);
    const discardQueued = context.req.valid("query").discardQueued === "true";
    const { name } = context.req.valid("param");
    await parts.tenants.remove(name, { actor: actorOf(context, parts), versions, discardQueued });
    return context.body(null, 204);
  });
}

function taggedBy({ version }: Tenant, { connections }: ShownTenantDocument): Tagged {
  return { version, connections };
}
