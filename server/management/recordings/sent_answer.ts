/**
 * What came back for a request that somebody sent, as JSON.
 *
 * @module
 */

import { z } from "zod";
import { mediaTypeOf, toBodyContent } from "./body_content.ts";
import { responseMessageSchema, toHeaderDocuments } from "./recording_document.ts";
import type { SentAnswer } from "../request_sender.ts";

/** What came back, as it is shown. */
export const sentAnswerSchema = z.object({
  requestId: z.guid().meta({ description: "As in the request log." }),
  response: responseMessageSchema,
  errorCode: z.string().nullable().meta({ description: "Why the relay itself has answered, if it has." }),
  times: z.object({
    waitMs: z.number().nullable().meta({ description: "Until a connection took it." }),
    tunnelMs: z.number().nullable().meta({ description: "Between server and connector, there and back." }),
    targetMs: z.number().nullable().meta({ description: "Until the head of the target's answer." }),
    bodyMs: z.number().meta({ description: "From the head of the answer to its end." }),
    totalMs: z.number(),
  }),
  connection: z.object({ id: z.guid(), machineName: z.string(), version: z.string() }).nullable().meta({
    description: "The connection that brought the answer.",
  }),
}).meta({ id: "SentAnswer" });

/** What came back, as it is shown. */
export type SentAnswerDocument = z.output<typeof sentAnswerSchema>;

/** Shows what came back. */
export function toSentAnswer(answer: SentAnswer): SentAnswerDocument {
  const { requestId, status, headers, body: bytes, sizeBytes, isCut, isComplete, errorCode, times, connection } =
    answer;
  const content = toBodyContent({ bytes, isCut: isCut || !isComplete }, headers);
  const body = sizeBytes === 0 && isComplete
    ? null
    : { sizeBytes, keptBytes: bytes.length, isCut, isComplete, mediaType: mediaTypeOf(headers), ...content };
  const response = { status, headers: toHeaderDocuments(headers), body };
  return { requestId, response, errorCode, times: { ...times }, connection: connection && { ...connection } };
}
