/**
 * Recorded bodies as files. Whatever a body claims to be, no browser runs it.
 *
 * @module
 */

import type { RecordedMessages, RecordedRequest } from "../../persistence/mod.ts";
import { ManagementError } from "../management_error.ts";
import { fromBase64, mediaTypeOf } from "./body_content.ts";

/** The messages of a recorded request, as they stand in addresses. */
export const MESSAGE_NAMES = ["client-request", "target-request", "target-response", "client-response"] as const;

/** One of {@link MESSAGE_NAMES}. */
export type MessageName = typeof MESSAGE_NAMES[number];

const MEMBERS = {
  "client-request": "clientRequest",
  "target-request": "targetRequest",
  "target-response": "targetResponse",
  "client-response": "clientResponse",
} as const satisfies Record<MessageName, keyof RecordedMessages>;

/** Images that can be shown, by the ends of their files' names. They carry no script, other than SVG. */
const IMAGES: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/avif": "avif",
  "image/bmp": "bmp",
};

/** Ends of names for what is not shown, but opened by whoever saves it. */
const OTHERS: Readonly<Record<string, string>> = {
  "application/json": "json",
  "text/plain": "txt",
  "text/css": "css",
  "text/csv": "csv",
  "application/pdf": "pdf",
  "application/xml": "xml",
  "text/xml": "xml",
};

/** A file. */
export interface BodyDownload {
  readonly bytes: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** Whether a body of that type can be shown as an image. */
export function isShownImage(mediaType: string): boolean {
  return Object.hasOwn(IMAGES, mediaType);
}

/**
 * A body as a file.
 *
 * @throws {ManagementError} `not_found` when the message has none.
 */
export function toBodyDownload({ requestId, messages }: RecordedRequest, name: MessageName): BodyDownload {
  const message = messages[MEMBERS[name]];
  if (message === null || message.body === null) throw new ManagementError("not_found", "The message has no body");
  const mediaType = mediaTypeOf(message.headers);
  const isImage = isShownImage(mediaType);
  const extension = (isImage ? IMAGES[mediaType] : Object.hasOwn(OTHERS, mediaType) ? OTHERS[mediaType] : undefined) ??
    "bin";
  return {
    bytes: fromBase64(message.body.base64),
    headers: {
      "Content-Type": isImage ? mediaType : "application/octet-stream",
      "Content-Disposition": `attachment; filename="${requestId}-${name}.${extension}"`,
      "Content-Security-Policy": "sandbox; default-src 'none'",
      "Cross-Origin-Resource-Policy": "same-origin",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
    },
  };
}
