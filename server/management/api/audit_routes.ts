/**
 * `/management/audit`: who changed what, and when.
 *
 * @module
 */

import { z } from "@hono/zod-openapi";
import {
  ACTOR_KINDS,
  type AuditEntry,
  type AuditFilter,
  type FindAuditOptions,
  type Page,
} from "../../persistence/mod.ts";
import { textSchema, timestampSchema } from "../input.ts";
import type { Api, ApiBasics } from "./environment.ts";
import { pageParameters, pageSchema, rangeOf, toPage } from "./paging.ts";
import { describeRoute, jsonAnswer } from "./route.ts";

/** What the routes work with. */
export interface AuditRoutesParts extends ApiBasics {
  readonly audit: { find(options: FindAuditOptions): Promise<Page<AuditEntry>> };
}

const auditEntrySchema = z.object({
  id: z.guid(),
  at: z.iso.datetime(),
  actor: z.object({
    kind: z.enum(ACTOR_KINDS),
    id: z.string(),
    name: z.string(),
    clientAddress: z.string().nullable(),
  }),
  action: z.string(),
  subject: z.object({
    kind: z.string(),
    id: z.string(),
    name: z.string().meta({ description: "Of a secret or connection the name of its tenant." }),
  }),
  before: z.unknown().meta({ description: "What it was, without secrets; null when there was nothing." }),
  after: z.unknown().meta({ description: "What it is, without secrets; null when there is nothing any more." }),
}).meta({ id: "AuditEntry" });

/** A change as it is shown. */
export type AuditEntryDocument = z.output<typeof auditEntrySchema>;

const filterFields = {
  from: timestampSchema.optional().meta({ description: "At that time or later." }),
  to: timestampSchema.optional().meta({ description: "Before that time." }),
  action: textSchema(100).optional().meta({ example: "tenant.update" }),
  actorId: textSchema(100).optional(),
  subjectKind: textSchema(100).optional().meta({ example: "tenant" }),
  subjectId: textSchema(100).optional(),
};

/** Adds the routes. */
export function addAuditRoutes(api: Api, { credentials, audit }: AuditRoutesParts): void {
  const route = describeRoute({
    method: "get",
    path: "/management/audit",
    tags: ["Audit"],
    summary: "List who changed what",
    request: { query: z.strictObject({ ...pageParameters, ...filterFields }) },
    responses: { 200: jsonAnswer("A page of changes, newest first.", pageSchema(auditEntrySchema, "AuditPage")) },
  }, { role: "reader", credentials });
  api.openapi(route, async (context) => {
    const { skip, take, from, to, ...rest } = context.req.valid("query");
    const range = rangeOf({ skip, take });
    const entries = Object.entries({ ...rest, fromMs: from, toMs: to }).filter(([, value]) => value !== undefined);
    const filter: AuditFilter = Object.fromEntries(entries);
    const { results, totalCount } = await audit.find({ filter, ...range });
    return context.json(toPage(results.map(toEntryDocument), totalCount, range), 200);
  });
}

function toEntryDocument({ at, ...entry }: AuditEntry): AuditEntryDocument {
  return { ...entry, at: new Date(at).toISOString() };
}
