/**
 * `/management/tenants/{name}/secrets`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { newSecretSchema, secretDocumentSchema, type SecretService, toSecretDocument } from "../secret_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageOf, pageParameters, pageSchema, rangeOf } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, jsonBody, tenantParameter } from "./route.ts";

const TAGS = ["Secrets"];
const PATH = "/management/tenants/{name}/secrets";

/** What the routes work with. */
export interface SecretRoutesParts extends ApiBasics {
  readonly secrets: SecretService;
}

const createdSecretSchema = secretDocumentSchema.extend({
  value: z.string().meta({ description: "The secret itself. It is not shown again." }),
}).meta({ id: "CreatedSecret" });

/** A new secret as it is shown, this once with its value. */
export type CreatedSecretDocument = z.output<typeof createdSecretSchema>;

/** Adds the routes. */
export function addSecretRoutes(api: Api, parts: SecretRoutesParts): void {
  const { credentials, secrets } = parts;
  const listing = describeRoute({
    method: "get",
    path: PATH,
    tags: TAGS,
    summary: "List the secrets of a tenant, without their values",
    request: { params: tenantParameter, query: z.strictObject(pageParameters) },
    responses: { 200: jsonAnswer("A page of secrets, oldest first.", pageSchema(secretDocumentSchema, "SecretPage")) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(listing, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    const found = await secrets.list(context.req.valid("param").name);
    return context.json(pageOf(found.map(toSecretDocument), range), 200);
  });

  const creation = describeRoute({
    method: "post",
    path: PATH,
    tags: TAGS,
    summary: "Make a secret for a tenant",
    request: { params: tenantParameter, body: jsonBody(newSecretSchema) },
    responses: { 201: jsonAnswer("The secret, this once with its value.", createdSecretSchema) },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(creation, async (context) => {
    const input = context.req.valid("json");
    const { name } = context.req.valid("param");
    const { secret, value } = await secrets.create(name, { input, actor: actorOf(context, parts) });
    return context.json({ ...toSecretDocument(secret), value }, 201);
  });

  const removal = describeRoute({
    method: "delete",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Remove a secret of a tenant",
    description: "Connections that used it end.",
    request: { params: tenantParameter.extend(idParameter.shape) },
    responses: { 204: { description: "It counts no longer." } },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(removal, async (context) => {
    const { name, id } = context.req.valid("param");
    await secrets.remove(name, { id, actor: actorOf(context, parts) });
    return context.body(null, 204);
  });
}
