/**
 * Requests that people send to a tenant's targets: made up, or recorded and sent again, perhaps changed.
 *
 * @module
 */

import { z } from "zod";
import { headerValue, HOP_BY_HOP } from "../../../shared/http/headers.ts";
import type { HeaderLines } from "../../../shared/http/message.ts";
import type { Actor, RecordedRequest, Tenant } from "../../persistence/mod.ts";
import { type AuditAction, record } from "../audit_trail.ts";
import { ManagementError } from "../management_error.ts";
import type { RequestSender, SentAnswer, SentRequest } from "../request_sender.ts";
import type { Store } from "../store.ts";
import { requireTenant } from "../tenant_service.ts";
import { fromBase64 } from "./body_content.ts";
import { compareResponses, comparisonSchema } from "./comparison.ts";
import { toRecordedRequest } from "./recording_document.ts";
import type { RecordingKey, RecordingService } from "./recording_service.ts";
import { type SentAnswerDocument, sentAnswerSchema, toSentAnswer } from "./sent_answer.ts";
import { type NewRequestInput, type RequestChangesInput, toBytes, toHeaderLines } from "./sent_request.ts";

/** What came back for a recorded request that was sent again, as it is shown. */
export const replayDocumentSchema = z.object({
  answer: sentAnswerSchema,
  comparison: comparisonSchema.nullable(),
}).meta({ id: "Replay" });

/** What came back for a recorded request that was sent again, as it is shown. */
export type ReplayDocument = z.output<typeof replayDocumentSchema>;

/** What {@link TryService} works with. */
export interface TryServiceParts {
  readonly store: Store;
  readonly recordings: RecordingService;
  readonly sender: RequestSender;
  /** `Host` of requests that are made up. */
  readonly host: string;
}

/** Who sends, and how long somebody waits for it. */
export interface Sending {
  readonly actor: Actor;
  readonly signal: AbortSignal;
}

type MadeUp = Pick<SentRequest, "target" | "method" | "path" | "headers" | "body" | "host">;

/** Where a request cannot be sent as it was recorded. */
const NEVER_SENT = /^(?:host|content-length|relayserver-.*)$/;

/** Sends requests, and tells what came back and where the time went. */
export class TryService {
  readonly #parts: TryServiceParts;

  constructor(parts: TryServiceParts) {
    this.#parts = parts;
  }

  /** Sends a request that is made up. @throws {ManagementError} `tenant_unknown`. */
  async send(
    tenantName: string,
    { input, ...sending }: { readonly input: NewRequestInput } & Sending,
  ): Promise<SentAnswerDocument> {
    const tenant = await requireTenant(this.#parts.store, tenantName);
    const { target, method, path } = input;
    const headers = toHeaderLines(input.headers);
    const host = headerValue(headers, "host") ?? this.#parts.host;
    const request = { target, method, path, headers, body: toBytes(input.body), host };
    return toSentAnswer(await this.#send(tenant, { request, action: "request.try" }, sending));
  }

  /**
   * Sends a recorded request again, and compares what came back with what the client got.
   *
   * @throws {ManagementError} `tenant_unknown`, `not_found`; `invalid_request` when its body was not recorded whole and no other is given.
   */
  async replay(
    { key, requestId, changes, ...sending }: {
      readonly key: RecordingKey;
      readonly requestId: string;
      readonly changes: RequestChangesInput;
    } & Sending,
  ): Promise<ReplayDocument> {
    const { store, recordings, host } = this.#parts;
    const tenant = await requireTenant(store, key.tenantName);
    const recorded = await recordings.getRequest(key, requestId);
    const request = changed(recorded, { changes, host });
    const of = { recordingId: key.id, requestId: recorded.requestId };
    const answer = toSentAnswer(await this.#send(tenant, { request, action: "request.replay", of }, sending));
    const { clientResponse, maskedHeaders } = toRecordedRequest(recorded);
    const comparison = clientResponse &&
      compareResponses({ recorded: clientResponse, replayed: answer.response, maskedHeaders });
    return { answer, comparison };
  }

  /** It is written down before it is sent: who does not live to see the answer has sent it all the same. */
  async #send(
    tenant: Tenant,
    { request, action, of = {} }: { readonly request: MadeUp; readonly action: AuditAction; readonly of?: object },
    { actor, signal }: Sending,
  ): Promise<SentAnswer> {
    const { target, method, path } = request;
    const after = { ...of, target, method, path: path.split("?", 1)[0] };
    await record(this.#parts.store, { actor, action, subject: { id: tenant.id, name: tenant.name }, after });
    const clientAddress = actor.clientAddress ?? "127.0.0.1";
    return await this.#parts.sender.send({ ...request, tenantName: tenant.name, clientAddress }, { signal });
  }
}

function changed(
  recorded: RecordedRequest,
  { changes, host }: { readonly changes: RequestChangesInput; readonly host: string },
): MadeUp {
  const { clientRequest: { method, headers, body }, maskedHeaders } = recorded.messages;
  if (changes.body === undefined && body !== null && (body.isCut || !body.isComplete)) throw bodyMissing();
  const masked = new Set(maskedHeaders);
  const sent: HeaderLines = changes.headers === undefined
    ? headers.filter(([name]) => isSendable(name.toLowerCase(), masked))
    : toHeaderLines(changes.headers);
  const recordedBytes = body === null ? null : fromBase64(body.base64);
  return {
    method: changes.method ?? method,
    target: changes.target ?? recorded.target,
    path: changes.path ?? recorded.path,
    headers: sent,
    body: changes.body === undefined ? recordedBytes : toBytes(changes.body),
    host: headerValue(changes.headers === undefined ? headers : sent, "host") ?? host,
  };
}

function isSendable(name: string, masked: ReadonlySet<string>): boolean {
  return !HOP_BY_HOP.has(name) && !NEVER_SENT.test(name) && !masked.has(name);
}

function bodyMissing(): ManagementError {
  return new ManagementError("invalid_request", "Cannot replay request: its body was not recorded whole", {
    problems: [{ in: "body", path: "body", message: "Is needed, because the recorded one is not complete" }],
  });
}
