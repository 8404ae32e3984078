/**
 * Who changed what, and when.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { z } from "zod";
import type { AuditEntry } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { AUDIT_ACTIONS } from "../../audit_trail.ts";
import { parseInput, textSchema, timestampSchema } from "../../input.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, utcTime } from "../form.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, Pager, TableBox, Time } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { skipOf, withQuery } from "../query.ts";

const PAGE_SIZE = 50;
const FIELDS = ["action", "subjectKind", "actorId", "subjectId", "from", "to"] as const;
/** Denials of access policies are no changes, but stand among them. */
const ACTIONS = [["", "All"], ...[...AUDIT_ACTIONS, "policy.deny"].map((action) => [action, action] as const)] as const;
const KINDS = [
  ["", "All"],
  ...[...new Set(AUDIT_ACTIONS.map((action) => action.slice(0, action.indexOf("."))))].map((kind) =>
    [kind, kind] as const
  ),
] as const;

const filterSchema = z.object({
  action: textSchema(100).optional(),
  subjectKind: textSchema(100).optional(),
  actorId: textSchema(100).optional(),
  subjectId: textSchema(100).optional(),
  from: timestampSchema.optional(),
  to: timestampSchema.optional(),
});

/** Adds the page. */
export function addAuditPage(web: Web, parts: WebParts): void {
  web.get("/audit", allow("reader", parts.credentials), async (context) => {
    const values = Object.fromEntries(FIELDS.map((name) => [name, context.req.query(name) ?? ""]));
    const skip = skipOf(context);
    try {
      const used = { ...values, from: utcTime(values.from), to: utcTime(values.to) };
      const { from, to, ...rest } = parseInput(
        filterSchema,
        Object.fromEntries(Object.entries(used).filter(([, value]) => filled(value ?? "") !== null)),
      );
      const conditions = Object.entries({ ...rest, fromMs: from, toMs: to }).filter(([, value]) => value !== undefined);
      const page = await parts.audit.find({ filter: Object.fromEntries(conditions), skip, take: PAGE_SIZE });
      return await showAudit(context, { form: freshForm(values), skip, ...page });
    } catch (error) {
      return await showAudit(context, { form: faultyForm(error, values), skip: 0, results: [], totalCount: 0 });
    }
  });
}

interface AuditPage {
  readonly form: FormState;
  readonly skip: number;
  readonly results: readonly AuditEntry[];
  readonly totalCount: number;
}

function showAudit(context: WebContext, { form, skip, results, totalCount }: AuditPage): Promise<Response> {
  const isFiltered = Object.values(form.values).some((value) => value !== "");
  const href = (changes: Record<string, string | undefined>) => withQuery("/audit", { ...form.values, ...changes });
  return showPage(
    context,
    { title: "Audit", place: "/audit" },
    <>
      <Heading title="Audit" about="Who changed what, newest first." />
      <Card wide>
        <form class="filters" role="search" method="get" action="/audit">
          <SelectField form={form} name="action" label="Action" options={ACTIONS} />
          <SelectField form={form} name="subjectKind" label="Of what" options={KINDS} />
          <TextField form={form} name="from" label="From (UTC)" type="datetime-local" />
          <TextField form={form} name="to" label="To (UTC)" type="datetime-local" />
          {form.values.actorId !== "" && <input type="hidden" name="actorId" value={form.values.actorId} />}
          {form.values.subjectId !== "" && <input type="hidden" name="subjectId" value={form.values.subjectId} />}
          <button type="submit">Search</button>
          {isFiltered && <a class="button" href="/audit">Clear</a>}
        </form>
        {Object.keys(form.faults).length > 0 && (
          <div class="card-body">
            <Faults form={form} labels={{ from: "From", to: "To" }} />
          </div>
        )}
        {results.length === 0
          ? <Empty title={isFiltered ? "Nothing found" : "Nothing was changed yet"} />
          : (
            <TableBox label="Changes">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Who</th>
                    <th scope="col">Action</th>
                    <th scope="col">Of what</th>
                    <th scope="col">Before and after</th>
                  </tr>
                </thead>
                <tbody>{results.map((entry) => <AuditRow entry={entry} href={href} />)}</tbody>
              </table>
            </TableBox>
          )}
        <Pager
          skip={skip}
          take={PAGE_SIZE}
          total={totalCount}
          shown={results.length}
          href={(next) => href({ skip: next > 0 ? String(next) : undefined })}
        />
      </Card>
    </>,
  );
}

const AuditRow: FC<{ entry: AuditEntry; href: (changes: Record<string, string | undefined>) => string }> = (
  { entry, href },
) => {
  const { at, actor, action, subject } = entry;
  const changes = changesOf(entry);
  return (
    <tr>
      <td>
        <Time at={at} />
      </td>
      <td>
        <a class="name" href={href({ actorId: actor.id, skip: undefined })}>{actor.name}</a>
        <span class="muted small">
          {actor.kind.replace("_", " ")}
          {actor.clientAddress !== null && `, ${actor.clientAddress}`}
        </span>
      </td>
      <td>{action}</td>
      <td>
        <a class="name" href={href({ subjectId: subject.id, skip: undefined })}>{subject.name}</a>
      </td>
      <td class="path">
        {changes.length === 0 ? <span class="muted">–</span> : (
          <details>
            <summary>{changes.length === 1 ? changes[0]!.name : `${changes.length} values`}</summary>
            {changes.map(({ name, before, after }) => (
              <p class="diff small">
                <span class="strong">{name}</span>
                {before !== undefined && (
                  <span>
                    before: <code>{before}</code>
                  </span>
                )}
                {after !== undefined && (
                  <span>
                    after: <code>{after}</code>
                  </span>
                )}
              </p>
            ))}
          </details>
        )}
      </td>
    </tr>
  );
};

/** What differs, by name. */
function changesOf({ before, after }: AuditEntry): { name: string; before?: string; after?: string }[] {
  const [old, present] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...Object.keys(old), ...Object.keys(present)])];
  return names.filter((name) => name !== "updated" && JSON.stringify(old[name]) !== JSON.stringify(present[name]))
    .map((name) => ({
      name,
      ...(Object.hasOwn(old, name) ? { before: JSON.stringify(old[name]) } : {}),
      ...(Object.hasOwn(present, name) ? { after: JSON.stringify(present[name]) } : {}),
    }));
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
