/**
 * Requests that people make up or change, checked.
 *
 * @module
 */

import { z } from "zod";
import { HOP_BY_HOP } from "../../../shared/http/headers.ts";
import type { HeaderLines } from "../../../shared/http/message.ts";
import { hasDotSegments } from "../../../shared/http/path.ts";
import { fromBase64 } from "./body_content.ts";
import { headerNameSchema, targetNameSchema } from "./recording_document.ts";

const MOST_HEADERS = 200;
const LONGEST_PATH = 16_000;
const LONGEST_VALUE = 16_000;
const KNOWN_METHOD = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE)$/i;

const methodSchema = z.string().max(40).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "Expected a method").refine(
  (method) => method.toUpperCase() !== "CONNECT" && (!KNOWN_METHOD.test(method) || method === method.toUpperCase()),
  "Expected a method of HTTP other than CONNECT, known ones in upper case",
);

/** What follows a target in the address of a request. */
export const targetPathSchema = z.string().max(LONGEST_PATH).regex(
  /^(?:[/?][\x21\x22\x24-\x7e\x80-\xff]*)?$/,
  "Expected nothing, or a path that begins with / or ?, without spaces, #, and characters above U+00FF: escape them",
).refine((path) => !hasDotSegments(path), "Must not have dot segments");

const headerSchema = z.strictObject({
  name: headerNameSchema.refine(
    (name) => !HOP_BY_HOP.has(name.toLowerCase()) && !/^(?:content-length$|relayserver-)/i.test(name),
    "Is about one connection, or the relay's own, and cannot be sent",
  ),
  value: z.string().max(LONGEST_VALUE).regex(
    /^[\t\x20-\x7e\x80-\xff]*$/,
    "Expected a value without control characters and characters above U+00FF",
  ),
});

const bodySchema = z.strictObject({
  encoding: z.enum(["text", "base64"]),
  content: z.string(),
}).refine(({ encoding, content }) => encoding === "text" || isBase64(content), {
  path: ["content"],
  message: "Expected base64",
}).refine(({ encoding, content }) => encoding !== "text" || content.isWellFormed(), {
  path: ["content"],
  message: "Expected a text",
});

const fields = {
  method: methodSchema,
  target: targetNameSchema,
  path: targetPathSchema.meta({ description: "What follows the target, query included." }),
  headers: z.array(headerSchema).max(MOST_HEADERS),
  body: bodySchema.nullable().meta({ description: "Null for none." }),
};

/** A request that is made up. */
export const newRequestSchema = z.strictObject({
  ...fields,
  method: fields.method.default("GET"),
  path: fields.path.default("/"),
  headers: fields.headers.default([]),
  body: fields.body.default(null),
}).meta({ id: "NewRequest" });

/** A request that is made up. */
export type NewRequestInput = z.output<typeof newRequestSchema>;

/** How a recorded request is changed before it is sent again; what is absent stays as it was. */
export const requestChangesSchema = z.strictObject({
  method: fields.method.optional(),
  target: fields.target.optional(),
  path: fields.path.optional(),
  headers: fields.headers.optional().meta({
    description: "All headers; without them those that were recorded, but for those that were masked.",
  }),
  body: fields.body.optional(),
}).meta({ id: "RequestChanges" });

/** How a recorded request is changed. */
export type RequestChangesInput = z.output<typeof requestChangesSchema>;

/** The lines of headers. */
export function toHeaderLines(headers: NewRequestInput["headers"]): HeaderLines {
  return headers.map(({ name, value }) => [name, value]);
}

/** The bytes of a body. */
export function toBytes(body: NewRequestInput["body"]): Uint8Array | null {
  if (body === null) return null;
  return body.encoding === "text" ? new TextEncoder().encode(body.content) : fromBase64(body.content);
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
