/**
 * `/management/tenants/{name}/recordings`.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import {
  newRecordingSchema,
  type RecordingDocument,
  recordingDocumentSchema,
  toRecordingDocument,
} from "../recordings/recording_document.ts";
import type { RecordingService } from "../recordings/recording_service.ts";
import type { Recording } from "../../persistence/mod.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, idParameter, jsonAnswer, jsonBody, tenantParameter } from "./route.ts";

/** Where the routes are in the description. */
export const RECORDING_TAGS = ["Recordings"];

/** Where the routes are. */
export const RECORDINGS_PATH = "/management/tenants/{name}/recordings";

/** The recording in a path. */
export const recordingParameters = tenantParameter.extend(idParameter.shape);

/** What the routes work with. */
export interface RecordingRoutesParts extends ApiBasics {
  readonly recordings: RecordingService;
}

/** Adds the routes. */
export function addRecordingRoutes(api: Api, parts: RecordingRoutesParts): void {
  addListing(api, parts);
  addStart(api, parts);
  addReading(api, parts);
  addStop(api, parts);
  addRemoval(api, parts);
}

function shown(recording: Recording): RecordingDocument {
  return toRecordingDocument(recording, Date.now());
}

function addListing(api: Api, { credentials, recordings }: RecordingRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: RECORDINGS_PATH,
    tags: RECORDING_TAGS,
    summary: "List the recordings of a tenant",
    description: "Newest first. What is in them takes the role writer.",
    request: { params: tenantParameter, query: z.strictObject(pageParameters) },
    responses: { 200: jsonAnswer("A page of recordings.", pageSchema(recordingDocumentSchema, "RecordingPage")) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    const { results, totalCount } = await recordings.list(context.req.valid("param").name, range);
    return context.json(toPage(results.map(shown), totalCount, range), 200);
  });
}

function addStart(api: Api, parts: RecordingRoutesParts): void {
  const route = describeRoute({
    method: "post",
    path: RECORDINGS_PATH,
    tags: RECORDING_TAGS,
    summary: "Record a tenant's requests for some time",
    description: "Heads and bodies, the beginning of larger ones. Headers with credentials and acknowledge URLs are " +
      "masked before anything is stored. It ends when its time is over or when it is full.",
    request: { params: tenantParameter, body: jsonBody(newRecordingSchema) },
    responses: { 201: jsonAnswer("It runs, at other servers within a second.", recordingDocumentSchema) },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name } = context.req.valid("param");
    const input = context.req.valid("json");
    const recording = await parts.recordings.start(name, { input, actor: actorOf(context, parts) });
    const location = `/management/tenants/${encodeURIComponent(name)}/recordings/${recording.id}`;
    return context.json(shown(recording), 201, { Location: location });
  });
}

function addReading(api: Api, { credentials, recordings }: RecordingRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: `${RECORDINGS_PATH}/{id}`,
    tags: RECORDING_TAGS,
    summary: "Read a recording",
    request: { params: recordingParameters },
    responses: { 200: jsonAnswer("The recording, without what is in it.", recordingDocumentSchema) },
  }, { role: "reader", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    return context.json(shown(await recordings.get({ tenantName, id })), 200);
  });
}

function addStop(api: Api, parts: RecordingRoutesParts): void {
  const route = describeRoute({
    method: "post",
    path: `${RECORDINGS_PATH}/{id}/stop`,
    tags: RECORDING_TAGS,
    summary: "End a recording before its time",
    description: "One that has ended stays as it is. What is in it is kept.",
    request: { params: recordingParameters },
    responses: { 200: jsonAnswer("The recording.", recordingDocumentSchema) },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    return context.json(shown(await parts.recordings.stop({ tenantName, id }, actorOf(context, parts))), 200);
  });
}

function addRemoval(api: Api, parts: RecordingRoutesParts): void {
  const route = describeRoute({
    method: "delete",
    path: `${RECORDINGS_PATH}/{id}`,
    tags: RECORDING_TAGS,
    summary: "Remove a recording and all that is in it",
    request: { params: recordingParameters },
    responses: { 204: { description: "It is gone." } },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    await parts.recordings.remove({ tenantName, id }, actorOf(context, parts));
    return context.body(null, 204);
  });
}
