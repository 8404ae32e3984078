/**
 * `/management/api-keys`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { apiKeyDocumentSchema, type ApiKeyService, newApiKeySchema, toApiKeyDocument } from "../api_key_service.ts";
import { textSchema } from "../input.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, jsonBody } from "./route.ts";

const TAGS = ["API keys"];
const PATH = "/management/api-keys";

/** What the routes work with. */
export interface ApiKeyRoutesParts extends ApiBasics {
  readonly apiKeys: ApiKeyService;
}

const createdApiKeySchema = apiKeyDocumentSchema.extend({
  value: z.string().meta({ description: "The key itself. It is not shown again." }),
}).meta({ id: "CreatedApiKey" });

/** A new key as it is shown, this once with its value. */
export type CreatedApiKeyDocument = z.output<typeof createdApiKeySchema>;

/** Adds the routes. */
export function addApiKeyRoutes(api: Api, parts: ApiKeyRoutesParts): void {
  addReading(api, parts);
  addChanges(api, parts);
}

function addReading(api: Api, { credentials, apiKeys }: ApiKeyRoutesParts): void {
  const listing = describeRoute({
    method: "get",
    path: PATH,
    tags: TAGS,
    summary: "List API keys by name, without their values",
    request: { query: z.strictObject({ ...pageParameters, search: textSchema(200).optional() }) },
    responses: { 200: jsonAnswer("A page of API keys.", pageSchema(apiKeyDocumentSchema, "ApiKeyPage")) },
  }, { role: "admin", credentials });
  api.openapi(listing, async (context) => {
    const { search = "", ...page } = context.req.valid("query");
    const range = rangeOf(page);
    const { results, totalCount } = await apiKeys.list({ ...range, search });
    return context.json(toPage(results.map(toApiKeyDocument), totalCount, range), 200);
  });

  const reading = describeRoute({
    method: "get",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Read an API key, without its value",
    request: { params: idParameter },
    responses: { 200: jsonAnswer("The API key.", apiKeyDocumentSchema) },
  }, { role: "admin", credentials, refusals: [404] });
  api.openapi(reading, async (context) => {
    return context.json(toApiKeyDocument(await apiKeys.get(context.req.valid("param").id)), 200);
  });
}

function addChanges(api: Api, parts: ApiKeyRoutesParts): void {
  const { credentials, apiKeys } = parts;
  const creation = describeRoute({
    method: "post",
    path: PATH,
    tags: TAGS,
    summary: "Make an API key",
    request: { body: jsonBody(newApiKeySchema) },
    responses: { 201: jsonAnswer("The API key, this once with its value.", createdApiKeySchema) },
  }, { role: "admin", credentials, refusals: [409] });
  api.openapi(creation, async (context) => {
    const { apiKey, value } = await apiKeys.create(context.req.valid("json"), actorOf(context, parts));
    context.header("Location", `${PATH}/${apiKey.id}`);
    return context.json({ ...toApiKeyDocument(apiKey), value }, 201);
  });

  const removal = describeRoute({
    method: "delete",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Remove an API key",
    request: { params: idParameter },
    responses: { 204: { description: "It counts no longer." } },
  }, { role: "admin", credentials, refusals: [404] });
  api.openapi(removal, async (context) => {
    await apiKeys.remove(context.req.valid("param").id, actorOf(context, parts));
    return context.body(null, 204);
  });
}
