/**
 * `/management/tenants/{name}/recordings/{id}/requests`, and exports of recordings. All take the role writer: traffic may hold anything.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import { idSchema } from "../input.ts";
import { MESSAGE_NAMES, toBodyDownload } from "../recordings/body_download.ts";
import {
  recordedRequestSchema,
  recordedSummarySchema,
  toRecordedRequest,
  toRecordedSummary,
} from "../recordings/recording_document.ts";
import type { ExportFormat, RecordingService } from "../recordings/recording_service.ts";
import { requestChangesSchema } from "../recordings/sent_request.ts";
import { replayDocumentSchema, type TryService } from "../recordings/try_service.ts";
import { actorOf, type Api, type ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { RECORDING_TAGS, recordingParameters, RECORDINGS_PATH } from "./recording_routes.ts";
import { describeRoute, jsonAnswer, jsonBody } from "./route.ts";

/** What the routes work with. */
export interface RecordedRequestRoutesParts extends ApiBasics {
  readonly recordings: RecordingService;
  readonly tries: TryService;
}

const REQUESTS_PATH = `${RECORDINGS_PATH}/{id}/requests`;

const requestParameters = recordingParameters.extend({
  requestId: idSchema.meta({
    description: "Id of the record.",
    param: { name: "requestId", in: "path" },
  }),
});

const messageParameters = requestParameters.extend({
  message: z.enum(MESSAGE_NAMES).meta({ param: { name: "message", in: "path" } }),
});

const EXPORTS: Record<ExportFormat, { readonly type: string; readonly file: string; readonly summary: string }> = {
  har: { type: "application/json", file: "har", summary: "Export a recording as an HTTP archive (HAR 1.2)" },
  curl: { type: "text/plain; charset=utf-8", file: "sh", summary: "Export a recording as curl commands" },
};

/** Adds the routes. */
export function addRecordedRequestRoutes(api: Api, parts: RecordedRequestRoutesParts): void {
  addListing(api, parts);
  addReading(api, parts);
  addDownload(api, parts);
  addCommand(api, parts);
  addReplay(api, parts);
  addExport(api, parts, "har");
  addExport(api, parts, "curl");
}

function addListing(api: Api, { credentials, recordings }: RecordedRequestRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: REQUESTS_PATH,
    tags: RECORDING_TAGS,
    summary: "List the requests of a recording",
    description: "Oldest first.",
    request: { params: recordingParameters, query: z.strictObject(pageParameters) },
    responses: { 200: jsonAnswer("A page of requests.", pageSchema(recordedSummarySchema, "RecordedRequestPage")) },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const range = rangeOf(context.req.valid("query"));
    const { name: tenantName, id } = context.req.valid("param");
    const { results, totalCount } = await recordings.listRequests({ tenantName, id }, range);
    return context.json(toPage(results.map(toRecordedSummary), totalCount, range), 200);
  });
}

function addReading(api: Api, { credentials, recordings }: RecordedRequestRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: `${REQUESTS_PATH}/{requestId}`,
    tags: RECORDING_TAGS,
    summary: "Read a recorded request with its headers and bodies",
    request: { params: requestParameters },
    responses: { 200: jsonAnswer("The request.", recordedRequestSchema) },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id, requestId } = context.req.valid("param");
    return context.json(toRecordedRequest(await recordings.getRequest({ tenantName, id }, requestId)), 200);
  });
}

function addDownload(api: Api, { credentials, recordings }: RecordedRequestRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: `${REQUESTS_PATH}/{requestId}/bodies/{message}`,
    tags: RECORDING_TAGS,
    summary: "Download a recorded body",
    description: "Byte for byte as far as it was kept, content coding included.",
    request: { params: messageParameters },
    responses: {
      200: {
        description: "The body as a file that no browser runs.",
        content: { "application/octet-stream": { schema: z.string().meta({ format: "binary" }) } },
      },
    },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id, requestId, message } = context.req.valid("param");
    const { bytes, headers } = toBodyDownload(await recordings.getRequest({ tenantName, id }, requestId), message);
    return context.body(bytes as Uint8Array<ArrayBuffer>, 200, { ...headers });
  });
}

function addCommand(api: Api, { credentials, recordings }: RecordedRequestRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: `${REQUESTS_PATH}/{requestId}/curl`,
    tags: RECORDING_TAGS,
    summary: "A recorded request as a curl command",
    request: { params: requestParameters },
    responses: {
      200: { description: "For a POSIX shell.", content: { "text/plain": { schema: z.string() } } },
    },
  }, { role: "writer", credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id, requestId } = context.req.valid("param");
    return context.text(await recordings.toCurl({ tenantName, id }, requestId), 200);
  });
}

function addReplay(api: Api, parts: RecordedRequestRoutesParts): void {
  const route = describeRoute({
    method: "post",
    path: `${REQUESTS_PATH}/{requestId}/replay`,
    tags: RECORDING_TAGS,
    summary: "Send a recorded request again, perhaps changed, and compare the answers",
    description: "It goes to the target as a new request with an id of its own; neither authentication nor access " +
      "policy of the tenant is in its way. Masked headers are left out unless others are given.",
    request: { params: requestParameters, body: jsonBody(requestChangesSchema) },
    responses: {
      200: jsonAnswer("What came back. The comparison is null when the client got no answer.", replayDocumentSchema),
    },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id, requestId } = context.req.valid("param");
    const changes = context.req.valid("json");
    const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
    return context.json(await parts.tries.replay({ key: { tenantName, id }, requestId, changes, ...sending }), 200);
  });
}

function addExport(api: Api, parts: RecordedRequestRoutesParts, format: ExportFormat): void {
  const { type, file, summary } = EXPORTS[format];
  const route = describeRoute({
    method: "get",
    path: `${RECORDINGS_PATH}/{id}/${format}`,
    tags: RECORDING_TAGS,
    summary,
    description: "Who exports a recording is in the audit.",
    request: { params: recordingParameters },
    responses: {
      200: { description: "A file.", content: { [type.split(";", 1)[0]!]: { schema: z.string() } } },
    },
  }, { role: "writer", credentials: parts.credentials, refusals: [404] });
  api.openapi(route, async (context) => {
    const { name: tenantName, id } = context.req.valid("param");
    const headers = {
      "Content-Type": type,
      "Content-Disposition": `attachment; filename="recording-${id}.${file}"`,
      "Content-Security-Policy": "sandbox; default-src 'none'",
    };
    if (context.req.method === "HEAD") {
      await parts.recordings.get({ tenantName, id });
      return context.body(null, 200, headers);
    }
    const body = await parts.recordings.export({ tenantName, id }, { format, actor: actorOf(context, parts) });
    return context.body(body, 200, headers);
  });
}
