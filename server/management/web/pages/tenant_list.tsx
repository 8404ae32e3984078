/**
 * All tenants, and new ones.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { z } from "zod";
import type { Tenant, TenantPage } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput, textSchema } from "../../input.ts";
import { newTenantSchema } from "../../tenant_document.ts";
import { tenantListFields, type TenantListInput, tenantListOptions } from "../../tenant_list.ts";
import { may, type Web, type WebContext, type WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, readForm } from "../form.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, Pager, Pill, PresencePill, TableBox, Time } from "../parts/blocks.tsx";
import { ConnectorInstructions } from "../parts/connector_instructions.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { Icon } from "../parts/icon.tsx";
import { skipOf } from "../query.ts";

const PAGE_SIZE = 50;

const STATES = [
  ["", "All"],
  ["online", "Online"],
  ["enabled", "Enabled"],
  ["disabled", "Disabled"],
] as const;

const listSchema = z.object({
  search: textSchema(200).catch(""),
  sort: tenantListFields.sort.catch(undefined),
  state: tenantListFields.state.catch(undefined),
});

type ListQuery = TenantListInput & { readonly search: string };

/** Adds the pages. */
export function addTenantListPages(web: Web, parts: WebParts): void {
  const { tenants, connections, credentials } = parts;
  web.get("/tenants", allow("reader", credentials), async (context) => {
    const query = listSchema.parse(context.req.query());
    const skip = skipOf(context);
    const options = { ...tenantListOptions(query, connections), search: query.search };
    const page = await tenants.list({ ...options, skip, take: PAGE_SIZE });
    return await showList(context, { parts, query, skip, page });
  });
  web.get("/new-tenant", allow("writer", credentials), (context) => showNew(context, freshForm()));
  web.post("/new-tenant", allow("writer", credentials), async (context) => {
    const values = await readForm(context);
    const actor = actorOf(context, parts);
    let tenant: Tenant;
    try {
      const input = parseInput(newTenantSchema, { name: values.name, displayName: filled(values.displayName) });
      tenant = await tenants.create(input, actor);
    } catch (error) {
      return await showNew(context, faultyForm(error, values));
    }
    const { value } = await parts.secrets.create(tenant.name, { input: { use: "connector" }, actor });
    return await showCreated(context, { parts, tenant, secret: value });
  });
}

interface ListOptions {
  readonly parts: WebParts;
  readonly query: ListQuery;
  readonly skip: number;
  readonly page: TenantPage;
}

function listPath({ search, sort, state }: Partial<ListQuery>, skip = 0): string {
  const entries = { search, sort, state, skip: skip > 0 ? String(skip) : undefined };
  const used = Object.entries(entries).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return used.length === 0 ? "/tenants" : `/tenants?${new URLSearchParams(used)}`;
}

function showList(context: WebContext, options: ListOptions): Promise<Response> {
  const { query } = options;
  const types = ["tenantOnline", "tenantOffline", "tenantChanged", "tenantRemoved"];
  return showPage(
    context,
    { title: "Tenants", place: "/tenants", live: { types } },
    <>
      <Heading title="Tenants" about="A tenant is a site: it has credentials, settings and an access policy.">
        {may(context, "writer") && (
          <a class="button primary" href="/new-tenant">
            <Icon name="plus" /> New tenant
          </a>
        )}
      </Heading>
      <Card wide>
        <form
          class="filters"
          role="search"
          action="/tenants"
          method="get"
          hx-get="/tenants"
          hx-trigger="input changed delay:250ms from:#search, change from:#state, submit"
          hx-select="#results"
          hx-target="#results"
          hx-swap="outerHTML"
          hx-push-url="true"
        >
          <div class="field grow">
            <label for="search">Search</label>
            <input
              type="search"
              id="search"
              name="search"
              value={query.search}
              placeholder="Name or display name"
              data-search
              autocomplete="off"
            />
          </div>
          <SelectField form={freshForm({ state: query.state ?? "" })} name="state" label="State" options={STATES} />
          {query.sort !== undefined && <input type="hidden" name="sort" value={query.sort} />}
          <button type="submit">Search</button>
        </form>
        <Results {...options} />
      </Card>
    </>,
  );
}

const Results: FC<ListOptions> = ({ parts, query, skip, page }) => (
  <div
    id="results"
    hx-get={listPath(query, skip)}
    hx-trigger={query.state === "online"
      ? "relay-changed from:body throttle:1s"
      : "relay-changed from:body throttle:5s"}
    hx-select="#results"
    hx-swap="outerHTML"
  >
    {page.results.length === 0
      ? query.search === "" && query.state === undefined
        ? <Empty title="No tenants yet">Make the first one, and connect a connector to it.</Empty>
        : <Empty title="Nothing found">No tenant matches the search and the state.</Empty>
      : (
        <TableBox label="Tenants">
          <table>
            <thead>
              <tr>
                <SortHead label="Name" order="name" query={query} />
                <th scope="col">State</th>
                <th scope="col" class="number">Connections</th>
                <SortHead label="Display name" order="displayName" query={query} />
                <SortHead label="Changed" order="updated" query={query} />
              </tr>
            </thead>
            <tbody>
              {page.results.map((tenant) => <TenantRow tenant={tenant} parts={parts} />)}
            </tbody>
          </table>
        </TableBox>
      )}
    <Pager
      skip={skip}
      take={PAGE_SIZE}
      total={page.totalCount}
      shown={page.results.length}
      href={(skip) => listPath(query, skip)}
    />
  </div>
);

const TenantRow: FC<{ tenant: Tenant; parts: WebParts }> = ({ tenant, parts }) => {
  const connections = parts.connections.count(tenant.id);
  return (
    <tr>
      <th scope="row">
        <a class="name" href={`/tenants/${encodeURIComponent(tenant.name)}`}>{tenant.name}</a>
      </th>
      <td>
        {tenant.enabled
          ? <PresencePill tenantId={tenant.id} connections={connections} />
          : <Pill kind="bad">Disabled</Pill>}
      </td>
      <td class="number">{connections}</td>
      <td class="wrap">{tenant.displayName}</td>
      <td>
        <Time at={tenant.updatedAt} nowMs={parts.now()} />
      </td>
    </tr>
  );
};

const SortHead: FC<{ label: string; order: "name" | "displayName" | "updated"; query: ListQuery }> = (
  { label, order, query },
) => {
  const current = query.sort ?? "name";
  const sort = current === order ? `-${order}` as const : order;
  const direction = current === order ? "ascending" : current === `-${order}` ? "descending" : undefined;
  return (
    <th scope="col" aria-sort={direction}>
      <a href={listPath({ ...query, sort })}>
        {label}
        {direction !== undefined && <span aria-hidden="true">{direction === "ascending" ? " ↑" : " ↓"}</span>}
      </a>
    </th>
  );
};

function showNew(context: WebContext, form: FormState): Promise<Response> {
  const isFaulty = Object.keys(form.faults).length > 0;
  return showPage(
    context,
    { title: "New tenant", place: "/tenants", status: isFaulty ? 400 : 200 },
    <>
      <Heading title="New tenant" about="It gets a secret for its connector, which is shown once, on the next page." />
      <Card>
        <Faults form={form} labels={{ name: "Name", displayName: "Display name" }} />
        <form method="post" action="/new-tenant" class="form">
          <TextField
            form={form}
            name="name"
            label="Name"
            required
            autofocus
            help="Part of the address of its requests, and never changes: 1 to 100 letters, digits, dots, underscores and hyphens."
          />
          <TextField form={form} name="displayName" label="Display name" help="For people; may be left empty." />
          <div class="actions">
            <button type="submit" class="primary">Make tenant</button>
            <a class="button" href="/tenants">Cancel</a>
          </div>
        </form>
      </Card>
    </>,
  );
}

function showCreated(
  context: WebContext,
  { parts, tenant, secret }: { readonly parts: WebParts; readonly tenant: Tenant; readonly secret: string },
): Promise<Response> {
  const path = `/tenants/${encodeURIComponent(tenant.name)}`;
  return showPage(
    context,
    {
      title: "Tenant made",
      place: "/tenants",
      live: { types: ["tenantOnline", "tenantOffline"], tenant: tenant.name },
    },
    <>
      <Heading
        title={`${tenant.name} is made`}
        about={
          <>
            Connect a connector to it. It is <PresencePill tenantId={tenant.id} connections={0} />{" "}
            now; this page tells when the connector has come.
          </>
        }
      >
        <a class="button primary" href={path}>To the tenant</a>
      </Heading>
      <ConnectorInstructions baseUrl={parts.publicUrl(context.env.incoming)} tenant={tenant.name} secret={secret} />
    </>,
  );
}
