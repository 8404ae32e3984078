/**
 * The request log: of all, of a tenant, and the story of one request.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { z } from "zod";
import { REQUEST_OUTCOMES, type RequestPage, type Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { parseInput, textSchema } from "../../input.ts";
import { requestFilterFields } from "../../request_log_service.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, utcTime } from "../form.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, Pager } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { RequestTable } from "../parts/request_table.tsx";
import { idOf, skipOf, withQuery } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";
import { showStory } from "./request_story.tsx";

const PAGE_SIZE = 50;
const FIELDS = ["path", "status", "outcome", "target", "method", "clientAddress", "from", "to"] as const;
const LABELS = {
  path: "Path",
  status: "Status",
  outcome: "Outcome",
  target: "Target",
  method: "Method",
  from: "From",
  to: "To",
};
const OUTCOMES = [["", "All"], ...REQUEST_OUTCOMES.map((outcome) => [outcome, outcome] as const)] as const;
const filterSchema = z.object({ ...requestFilterFields, tenant: textSchema(100).optional() });

/** Adds the pages. */
export function addRequestPages(web: Web, parts: WebParts): void {
  const reader = allow("reader", parts.credentials);
  web.get("/requests", reader, async (context) => {
    const found = await find(context, { parts });
    return await showPage(
      context,
      { title: "Requests", place: "/requests" },
      <>
        <Heading title="Requests" about="What was relayed for all tenants, newest first." />
        <Log path="/requests" found={found} hasTenants />
      </>,
    );
  });
  web.get("/tenants/:name/requests", reader, async (context) => {
    const tenant = await parts.tenants.get(context.req.param("name"));
    const found = await find(context, { parts, tenant });
    const path = `${tenantPath(tenant.name)}/requests`;
    return await showTenantPage(
      context,
      { parts, tenant, tab: "/requests", title: "Requests" },
      <Log path={path} found={found} hasTenants={false} />,
    );
  });
  web.get("/requests/:id", reader, async (context) => {
    const request = await parts.requests.get(idOf(context));
    return await showStory(context, { parts, request });
  });
}

interface Found {
  readonly form: FormState;
  readonly skip: number;
  readonly page: RequestPage;
}

async function find(
  context: WebContext,
  { parts, tenant }: { readonly parts: WebParts; readonly tenant?: Tenant },
): Promise<Found> {
  const values = Object.fromEntries(FIELDS.map((name) => [name, context.req.query(name) ?? ""]));
  const skip = skipOf(context);
  try {
    const used = { ...values, from: utcTime(values.from), to: utcTime(values.to) };
    const input = Object.fromEntries(Object.entries(used).filter(([, value]) => filled(value ?? "") !== null));
    const filter = parseInput(filterSchema, input);
    const page = await parts.requests.find({ filter, tenantName: tenant?.name, skip, take: PAGE_SIZE });
    return { form: freshForm(values), skip, page };
  } catch (error) {
    const page = { results: [], totalCount: 0, continueBeforeMs: undefined };
    return { form: faultyForm(error, values), skip: 0, page };
  }
}

const Log: FC<{ path: string; found: Found; hasTenants: boolean }> = ({ path, found, hasTenants }) => {
  const { form, skip, page } = found;
  const isFiltered = Object.values(form.values).some((value) => value !== "");
  return (
    <Card wide>
      <form class="filters" role="search" method="get" action={path}>
        <div class="field grow">
          <label for="path">Path contains</label>
          <input
            type="search"
            id="path"
            name="path"
            value={form.values.path}
            placeholder="/orders"
            data-search
            autocomplete="off"
          />
        </div>
        <TextField form={form} name="status" label="Status" placeholder="404, 5xx, 400-499" />
        <SelectField form={form} name="outcome" label="Outcome" options={OUTCOMES} />
        <TextField form={form} name="target" label="Target" />
        <TextField form={form} name="method" label="Method" />
        <TextField form={form} name="clientAddress" label="Client" />
        <TextField form={form} name="from" label="From (UTC)" type="datetime-local" />
        <TextField form={form} name="to" label="To (UTC)" type="datetime-local" />
        <button type="submit">Search</button>
        {isFiltered && <a class="button" href={path}>Clear</a>}
      </form>
      {Object.keys(form.faults).length > 0 && (
        <div class="card-body">
          <Faults form={form} labels={LABELS} />
        </div>
      )}
      {page.results.length === 0 && (
        isFiltered
          ? <Empty title="Nothing found">No request among the newest ones matches what was asked for.</Empty>
          : <Empty title="No requests yet">Whatever is relayed is listed here.</Empty>
      )}
      <RequestTable label="Requests" requests={page.results} hasTenants={hasTenants} />
      <Pager
        skip={skip}
        take={PAGE_SIZE}
        total={page.totalCount}
        shown={page.results.length}
        href={(next) => withQuery(path, { ...form.values, skip: next > 0 ? String(next) : undefined })}
      />
      {page.continueBeforeMs !== undefined && (
        <p class="card-body muted">
          Only the newest requests were searched.{" "}
          <a
            href={withQuery(path, { ...form.values, to: new Date(page.continueBeforeMs).toISOString().slice(0, 19) })}
          >
            Search older ones
          </a>
        </p>
      )}
    </Card>
  );
};
