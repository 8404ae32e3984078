/**
 * The request log, searched.
 *
 * @module
 */

import { z } from "zod";
import { type LoggedRequest, REQUEST_OUTCOMES, type RequestFilter, type RequestPage } from "../persistence/mod.ts";
import { idSchema, textSchema, timestampSchema } from "./input.ts";
import { ManagementError } from "./management_error.ts";
import type { Store } from "./store.ts";
import { requireTenant } from "./tenant_service.ts";

const LONGEST_TEXT = 1_000;
const STATUS = /^(?:([1-5])xx|(\d{3})(?:-(\d{3}))?)$/;

/** A status or several in a row. */
export const statusSchema = z.string().regex(STATUS, "Expected a status such as 404, 5xx or 400-499").transform(
  (text) => {
    const [, hundreds, first, last] = STATUS.exec(text) ?? [];
    if (hundreds !== undefined) return { minimum: Number(hundreds) * 100, maximum: Number(hundreds) * 100 + 99 };
    return { minimum: Number(first), maximum: Number(last ?? first) };
  },
);

const outcomesSchema = z.string().max(LONGEST_TEXT).transform((text) => text.split(",")).pipe(
  z.array(z.enum(REQUEST_OUTCOMES)),
);

/** The query parameters that choose requests. All must hold; texts are compared exactly unless it says otherwise. */
export const requestFilterFields = {
  from: timestampSchema.optional().meta({ description: "Started then or later." }),
  to: timestampSchema.optional().meta({ description: "Started before." }),
  outcome: outcomesSchema.optional().meta({
    description: `Any of these, separated by commas: ${REQUEST_OUTCOMES.join(", ")}.`,
    example: "failed,expired",
  }),
  status: statusSchema.optional().meta({ description: "A status or several: 404, 5xx, 400-499.", example: "5xx" }),
  target: textSchema(LONGEST_TEXT).optional(),
  method: textSchema(LONGEST_TEXT).optional(),
  path: textSchema(LONGEST_TEXT).optional().meta({ description: "Contained in the path, without regard to case." }),
  errorCode: textSchema(LONGEST_TEXT).optional().meta({ description: "A code of the relay, such as target_timeout." }),
  clientAddress: textSchema(LONGEST_TEXT).optional(),
  originId: idSchema.optional(),
  connectionId: idSchema.optional(),
  requestId: idSchema.optional(),
};

const requestFilterSchema = z.object(requestFilterFields);

/** Which requests to find. */
export type RequestFilterInput = z.output<typeof requestFilterSchema>;

/** A request as it is shown. */
export const requestDocumentSchema = z.object({
  id: z.guid(),
  tenantId: z.guid().nullable().meta({ description: "Null when there was no such tenant." }),
  tenantName: z.string().meta({ description: "As it was spelled." }),
  originId: z.guid(),
  connectionId: z.guid().nullable().meta({ description: "The connection that brought the response." }),
  started: z.iso.datetime(),
  durationMs: z.number(),
  target: z.string(),
  method: z.string(),
  path: z.string().meta({ description: "What follows the target, without the query." }),
  clientAddress: z.string(),
  status: z.int().meta({ description: "What the client got, or 499 when it left before." }),
  outcome: z.enum(REQUEST_OUTCOMES),
  errorCode: z.string().nullable(),
  policyReason: z.string().nullable().meta({ description: "Why the access policy allowed or denied it." }),
  requestBytes: z.int().meta({ description: "Body of the request as it came from the client." }),
  relayedRequestBytes: z.int().meta({ description: "As it went to the target." }),
  responseBytes: z.int().meta({ description: "Body of the response as it came from the target." }),
  relayedResponseBytes: z.int().meta({ description: "As it went to the client." }),
  waitedMs: z.number().nullable().meta({
    description: "From the start until a connection got it, the last one if there were several; null when none got it.",
  }),
  tunnelMs: z.number().nullable().meta({
    description: "On the way to the connector and back; null when there was no response, or the connector did not say.",
  }),
  targetMs: z.number().nullable().meta({
    description: "At the target, until the head of its response, and on the way if tunnelMs is null.",
  }),
  deliveries: z.int().nullable().meta({
    description: "How often connections got it; null when a release logged it that did not count.",
  }),
}).meta({ id: "LoggedRequest" });

/** A request as it is shown. */
export type RequestDocument = z.output<typeof requestDocumentSchema>;

/** A request that has just ended, as it is shown: what would be null in the log is absent. */
export type FinishedRequestDocument =
  & { readonly requestId: string }
  & {
    readonly [Field in Exclude<keyof RequestDocument, "id">]:
      | Exclude<RequestDocument[Field], null>
      | (null extends RequestDocument[Field] ? undefined : never);
  };

/** Shows a request. */
export function toRequestDocument({ startedAt, ...request }: LoggedRequest): RequestDocument {
  return { ...request, started: new Date(startedAt).toISOString() };
}

/** Which page of which requests. */
export interface FindRequests {
  readonly filter: RequestFilterInput;
  /** Of this tenant, which must exist. */
  readonly tenantName?: string | undefined;
  /** Of this tenant, which may be gone. */
  readonly tenantId?: string | undefined;
  readonly skip: number;
  readonly take: number;
}

/** Finds requests. */
export class RequestLogService {
  readonly #store: Store;

  constructor({ store }: { readonly store: Store }) {
    this.#store = store;
  }

  /**
   * Requests, newest first.
   *
   * @throws {ManagementError} `tenant_unknown`.
   */
  async find({ filter, tenantName, skip, take, ...options }: FindRequests): Promise<RequestPage> {
    const tenantId = tenantName === undefined ? options.tenantId : (await requireTenant(this.#store, tenantName)).id;
    return await this.#store.requests.find({ filter: toRequestFilter(filter, tenantId), skip, take });
  }

  /** @throws {ManagementError} `not_found` when it was not logged, or is so old that it was removed. */
  async get(id: string): Promise<LoggedRequest> {
    const request = await this.#store.requests.findById(id);
    if (request === undefined) throw new ManagementError("not_found", "There is no such request in the log");
    return request;
  }
}

function toRequestFilter(input: RequestFilterInput, tenantId: string | undefined): RequestFilter {
  const { from, to, outcome, status, requestId, ...texts } = input;
  const filter = {
    ...texts,
    id: requestId,
    tenantId,
    fromMs: from,
    toMs: to,
    outcomes: outcome,
    minimumStatus: status?.minimum,
    maximumStatus: status?.maximum,
  };
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}
