/**
 * Recordings and recorded messages as JSON.
 *
 * @module
 */

import { z } from "zod";
import type { HeaderLines } from "../../../shared/http/message.ts";
import { formatTimeSpan } from "../../../shared/time/duration.ts";
import {
  isRecordingRunning,
  type RecordedBody,
  type RecordedHead,
  type RecordedRequest,
  type RecordedRequestSummary,
  type RecordedResponseHead,
  type Recording,
  RECORDING_END_REASONS,
  REQUEST_OUTCOMES,
} from "../../persistence/mod.ts";
import { textSchema, timeSpanSchema } from "../input.ts";
import { statusSchema } from "../request_log_service.ts";
import { type BodyContent, fromBase64, mediaTypeOf, toBodyContent } from "./body_content.ts";

const SHORTEST_MS = 1_000;
const MOST_HEADERS = 100;

/** The name of a header; the parsed value is in lower case. */
export const headerNameSchema = z.string().max(200).regex(
  /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
  "Expected the name of a header",
);

/** The name of a target. */
export const targetNameSchema = z.string().regex(
  /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}$/,
  "Expected the name of a target",
);

/** What a recording is begun with. */
export const newRecordingSchema = z.strictObject({
  duration: timeSpanSchema(SHORTEST_MS).optional().meta({
    description: "How long it runs; five minutes unless given.",
  }),
  target: targetNameSchema.nullish().meta({ description: "Only requests to this target." }),
  pathPrefix: textSchema(1_000).nullish().meta({
    description: "Only requests whose path behind the target, query included, begins so.",
    example: "/api/orders",
  }),
  status: statusSchema.nullish().meta({
    description: "Only requests answered so: 404, 5xx, 400-499.",
    example: "5xx",
    type: "string",
  }),
  maskHeaders: z.array(headerNameSchema).max(MOST_HEADERS).optional().meta({
    description: "Headers that are masked besides those with credentials, which always are.",
  }),
  bodies: z.boolean().optional().meta({ description: "Whether bodies are recorded; true unless given." }),
}).meta({ id: "NewRecording" });

/** What a recording is begun with. */
export type NewRecordingInput = z.output<typeof newRecordingSchema>;

/** A recording as it is shown. */
export const recordingDocumentSchema = z.object({
  id: z.guid(),
  state: z.enum(["running", "ended"]),
  target: z.string().nullable(),
  pathPrefix: z.string().nullable(),
  status: z.string().nullable(),
  maskHeaders: z.array(z.string()),
  bodies: z.boolean(),
  startedBy: z.string().meta({ description: "Who began it." }),
  started: z.iso.datetime(),
  ends: z.iso.datetime().meta({ description: "When its time is over." }),
  ended: z.iso.datetime().nullable().meta({ description: "When it ended before its time." }),
  endReason: z.enum(RECORDING_END_REASONS).nullable(),
  duration: z.string(),
  requests: z.int().meta({ description: "How many are in it." }),
  maxRequests: z.int(),
  sizeBytes: z.int(),
  maxSizeBytes: z.int(),
  dropped: z.int().meta({ description: "Requests that should be in it, but could not be kept." }),
}).meta({ id: "Recording" });

/** A recording as it is shown. */
export type RecordingDocument = z.output<typeof recordingDocumentSchema>;

/** Shows a recording. */
export function toRecordingDocument(recording: Recording, nowMs: number): RecordingDocument {
  const { filter } = recording;
  return {
    id: recording.id,
    state: isRecordingRunning(recording, nowMs) ? "running" : "ended",
    target: filter.target,
    pathPrefix: filter.pathPrefix,
    status: formatStatus(filter.minimumStatus, filter.maximumStatus),
    maskHeaders: [...filter.maskHeaders],
    bodies: filter.recordsBodies,
    startedBy: recording.startedBy,
    started: toTimestamp(recording.startedAt),
    ends: toTimestamp(recording.endsAt),
    ended: recording.endedAt === null ? null : toTimestamp(recording.endedAt),
    endReason: recording.endReason,
    duration: formatTimeSpan(recording.endsAt - recording.startedAt),
    requests: recording.requestCount,
    maxRequests: recording.maxRequests,
    sizeBytes: recording.sizeBytes,
    maxSizeBytes: recording.maxBytes,
    dropped: recording.droppedCount,
  };
}

function formatStatus(minimum: number | null, maximum: number | null): string | null {
  if (minimum === null || maximum === null) return null;
  if (minimum === maximum) return String(minimum);
  return minimum % 100 === 0 && maximum === minimum + 99 ? `${minimum / 100}xx` : `${minimum}-${maximum}`;
}

/** A recorded request without its messages, as it is shown. */
export const recordedSummarySchema = z.object({
  id: z.guid().meta({ description: "Of the record." }),
  requestId: z.guid().meta({ description: "Of the request, as in the request log." }),
  originId: z.guid(),
  started: z.iso.datetime(),
  durationMs: z.number(),
  target: z.string(),
  method: z.string(),
  path: z.string().meta({ description: "What follows the target, query included." }),
  clientAddress: z.string(),
  status: z.int(),
  outcome: z.enum(REQUEST_OUTCOMES),
  errorCode: z.string().nullable(),
}).meta({ id: "RecordedRequestSummary" });

/** A recorded request without its messages, as it is shown. */
export type RecordedSummaryDocument = z.output<typeof recordedSummarySchema>;

/** Shows a recorded request without its messages. */
export function toRecordedSummary(request: RecordedRequestSummary): RecordedSummaryDocument {
  const { id, requestId, originId, startedAt, durationMs, target, method, path, clientAddress } = request;
  const { status, outcome, errorCode } = request;
  const started = toTimestamp(startedAt);
  return {
    id,
    requestId,
    originId,
    started,
    durationMs,
    target,
    method,
    path,
    clientAddress,
    status,
    outcome,
    errorCode,
  };
}

/** A header line. */
export const headerLineSchema = z.object({ name: z.string(), value: z.string() });

/** A body as it is shown. */
export const bodyDocumentSchema = z.object({
  sizeBytes: z.int().meta({ description: "Bytes that passed." }),
  keptBytes: z.int().meta({ description: "Bytes that were kept." }),
  isCut: z.boolean().meta({ description: "Whether only the beginning was kept." }),
  isComplete: z.boolean().meta({ description: "Whether it came to its end." }),
  mediaType: z.string().meta({ description: "As the message says; empty when it does not." }),
  encoding: z.enum(["text", "base64"]),
  content: z.string().meta({ description: "A text with its content coding undone, or the bytes in base64." }),
  decodedFrom: z.string().nullable().meta({ description: "The content coding that was undone." }),
}).meta({ id: "RecordedBody" });

/** A body as it is shown. */
export type BodyDocument = z.output<typeof bodyDocumentSchema>;

const messageFields = { headers: z.array(headerLineSchema), body: bodyDocumentSchema.nullable() };

const requestMessageSchema = z.object({ method: z.string(), path: z.string(), ...messageFields }).meta({
  id: "RecordedRequestMessage",
});

/** A response as it is shown. */
export const responseMessageSchema = z.object({ status: z.int(), ...messageFields }).meta({
  id: "RecordedResponseMessage",
});

/** A response as it is shown. */
export type ResponseMessageDocument = z.output<typeof responseMessageSchema>;

/** A recorded request as it is shown. */
export const recordedRequestSchema = recordedSummarySchema.extend({
  clientRequest: requestMessageSchema.meta({ description: "As the client sent it." }),
  targetRequest: requestMessageSchema.nullable().meta({ description: "As it went to the target, if it did." }),
  targetResponse: responseMessageSchema.nullable().meta({ description: "As the target sent it." }),
  clientResponse: responseMessageSchema.nullable().meta({ description: "As it went to the client." }),
  maskedHeaders: z.array(z.string()).meta({ description: "Names of headers whose values were not recorded." }),
}).meta({ id: "RecordedRequest" });

/** A recorded request as it is shown. */
export type RecordedRequestDocument = z.output<typeof recordedRequestSchema>;

/** Shows a recorded request. */
export function toRecordedRequest(request: RecordedRequest): RecordedRequestDocument {
  const { clientRequest, targetRequest, targetResponse, clientResponse, maskedHeaders } = request.messages;
  return {
    ...toRecordedSummary(request),
    clientRequest: toRequestMessage(clientRequest),
    targetRequest: targetRequest && toRequestMessage(targetRequest),
    targetResponse: targetResponse && toResponseMessage(targetResponse),
    clientResponse: clientResponse && toResponseMessage(clientResponse),
    maskedHeaders: [...maskedHeaders],
  };
}

function toRequestMessage({ method, path, headers, body }: RecordedHead) {
  return { method, path, headers: toHeaderDocuments(headers), body: toBodyDocument(body, headers) };
}

function toResponseMessage({ status, headers, body }: RecordedResponseHead): ResponseMessageDocument {
  return { status, headers: toHeaderDocuments(headers), body: toBodyDocument(body, headers) };
}

/** Shows header lines. */
export function toHeaderDocuments(headers: HeaderLines): z.output<typeof headerLineSchema>[] {
  return headers.map(([name, value]) => ({ name, value }));
}

/** Shows a body. */
export function toBodyDocument(body: RecordedBody | null, headers: HeaderLines): BodyDocument | null {
  if (body === null) return null;
  const { base64, sizeBytes, isCut, isComplete } = body;
  const bytes = fromBase64(base64);
  const content: BodyContent = toBodyContent({ bytes, isCut: isCut || !isComplete }, headers);
  return { sizeBytes, keptBytes: bytes.length, isCut, isComplete, mediaType: mediaTypeOf(headers), ...content };
}

function toTimestamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
