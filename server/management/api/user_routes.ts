/**
 * `/management/users`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { textSchema } from "../input.ts";
import {
  newUserSchema,
  toUserDocument,
  userChangeSchema,
  userDocumentSchema,
  type UserService,
} from "../user_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, jsonBody } from "./route.ts";

const TAGS = ["Users"];
const PATH = "/management/users";

/** What the routes work with. */
export interface UserRoutesParts extends ApiBasics {
  readonly users: UserService;
}

/** Adds the routes. */
export function addUserRoutes(api: Api, parts: UserRoutesParts): void {
  addReading(api, parts);
  addChanges(api, parts);
}

function addReading(api: Api, { credentials, users }: UserRoutesParts): void {
  const listing = describeRoute({
    method: "get",
    path: PATH,
    tags: TAGS,
    summary: "List users by name",
    request: { query: z.strictObject({ ...pageParameters, search: textSchema(200).optional() }) },
    responses: { 200: jsonAnswer("A page of users.", pageSchema(userDocumentSchema, "UserPage")) },
  }, { role: "admin", credentials });
  api.openapi(listing, async (context) => {
    const { search = "", ...page } = context.req.valid("query");
    const range = rangeOf(page);
    const { results, totalCount } = await users.list({ ...range, search });
    return context.json(toPage(results.map(toUserDocument), totalCount, range), 200);
  });

  const reading = describeRoute({
    method: "get",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Read a user",
    request: { params: idParameter },
    responses: { 200: jsonAnswer("The user.", userDocumentSchema) },
  }, { role: "admin", credentials, refusals: [404] });
  api.openapi(reading, async (context) => {
    return context.json(toUserDocument(await users.get(context.req.valid("param").id)), 200);
  });
}

function addChanges(api: Api, parts: UserRoutesParts): void {
  const { credentials, users } = parts;
  const creation = describeRoute({
    method: "post",
    path: PATH,
    tags: TAGS,
    summary: "Make a user",
    request: { body: jsonBody(newUserSchema) },
    responses: { 201: jsonAnswer("The user.", userDocumentSchema) },
  }, { role: "admin", credentials, refusals: [409] });
  api.openapi(creation, async (context) => {
    const user = await users.create(context.req.valid("json"), actorOf(context, parts));
    context.header("Location", `${PATH}/${user.id}`);
    return context.json(toUserDocument(user), 201);
  });

  const change = describeRoute({
    method: "put",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Change a user's role or password",
    request: { params: idParameter, body: jsonBody(userChangeSchema) },
    responses: { 200: jsonAnswer("The user as it is now.", userDocumentSchema) },
  }, { role: "admin", credentials, refusals: [404] });
  api.openapi(change, async (context) => {
    const input = context.req.valid("json");
    const user = await users.update(context.req.valid("param").id, { input, actor: actorOf(context, parts) });
    return context.json(toUserDocument(user), 200);
  });

  const removal = describeRoute({
    method: "delete",
    path: `${PATH}/{id}`,
    tags: TAGS,
    summary: "Remove a user, whose sessions end",
    request: { params: idParameter },
    responses: { 204: { description: "It is gone." } },
  }, { role: "admin", credentials, refusals: [404] });
  api.openapi(removal, async (context) => {
    await users.remove(context.req.valid("param").id, actorOf(context, parts));
    return context.body(null, 204);
  });
}
