/**
 * The request log: of all, of a tenant, and the story of one request.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { z } from "zod";
import { type LoggedRequest, REQUEST_OUTCOMES, type RequestPage, type Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { parseInput, textSchema } from "../../input.ts";
import type { ConnectionEntry } from "../../connection_service.ts";
import { ManagementError } from "../../management_error.ts";
import { requestFilterFields } from "../../request_log_service.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { ERROR_TEXTS } from "../error_texts.ts";
import { faultyForm, filled, type FormState, freshForm, utcTime } from "../form.ts";
import { bytes, milliseconds, utc } from "../format.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, Notice, Pager, StatusPill, TableBox, Time } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { RequestTable } from "../parts/request_table.tsx";
import { skipOf, withQuery } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

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
    const id = context.req.param("id");
    if (!z.guid().safeParse(id).success) throw new ManagementError("not_found", "There is no such request in the log");
    const request = await parts.requests.get(id);
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

const OUTCOME_TEXTS: Readonly<Record<string, string>> = {
  succeeded: "The answer reached the client whole.",
  aborted: "The client left before it had the whole answer.",
  failed: "The relay could not deliver the request, refused it, or the answer broke off.",
  expired: "There was no answer in time.",
  errored: "The relay itself failed.",
};

async function showStory(
  context: WebContext,
  { parts, request }: { readonly parts: WebParts; readonly request: LoggedRequest },
): Promise<Response> {
  const connection = await connectionOf(parts, request);
  const origins = await parts.origins.list();
  const origin = origins.find(({ id }) => id === request.originId);
  const text = request.errorCode === null ? undefined : ERROR_TEXTS[request.errorCode];
  return await showPage(
    context,
    { title: "Request", place: "/requests" },
    <>
      <Heading
        title={`${request.method} ${request.target}${request.path}`}
        about={<RequestFacts request={request} />}
      />
      {request.errorCode !== null && (
        <Notice kind={request.outcome === "aborted" ? "warn" : "bad"} title={request.errorCode}>
          <p>{text?.meaning ?? "The relay answered this request itself."}</p>
          {text !== undefined && <p>{text.remedy}</p>}
        </Notice>
      )}
      <div class="columns">
        <Card title="What happened">
          <Story request={request} connection={connection} server={origin?.machineName} />
        </Card>
        <div class="stack">
          <Sizes request={request} />
          <Card title="Details">
            <dl class="facts">
              <Fact name="Request id">{request.id}</Fact>
              <Fact name="Outcome">{request.outcome}: {OUTCOME_TEXTS[request.outcome]}</Fact>
              <Fact name="Duration">{milliseconds(request.durationMs)}, to the last byte of the answer</Fact>
              <Fact name="Server">
                {`${origin?.machineName ?? "one that is gone"} (${request.originId.slice(0, 8)})`}
              </Fact>
              <Fact name="Connection">{request.connectionId ?? "none"}</Fact>
            </dl>
          </Card>
        </div>
      </div>
    </>,
  );
}

const RequestFacts: FC<{ request: LoggedRequest }> = ({ request }) => (
  <>
    <StatusPill status={request.status} outcome={request.outcome} /> for{" "}
    {request.tenantId === null
      ? request.tenantName
      : <a href={tenantPath(request.tenantName)}>{request.tenantName}</a>}, <Time at={request.startedAt} />
  </>
);

const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);

async function connectionOf(
  parts: WebParts,
  { connectionId, tenantId, tenantName }: LoggedRequest,
): Promise<ConnectionEntry | undefined> {
  if (connectionId === null || tenantId === null) return undefined;
  const connections = await parts.connections.list(tenantName).catch((error) => {
    if (error instanceof ManagementError && error.code === "tenant_unknown") return [];
    throw error;
  });
  return connections.find(({ id }) => id === connectionId);
}

interface StoryOptions {
  readonly request: LoggedRequest;
  readonly connection: ConnectionEntry | undefined;
  readonly server: string | undefined;
}

const Story: FC<StoryOptions> = ({ request, connection, server }) => {
  const endedAt = request.startedAt + request.durationMs;
  const failed = request.outcome !== "succeeded";
  return (
    <ol class="story">
      <li>
        <p class="strong">The client asked</p>
        <p>
          {`${
            utc(request.startedAt)
          } UTC: ${request.clientAddress} sent ${request.method} for the target ${request.target}, with a body of ${
            bytes(request.requestBytes)
          }${server === undefined ? "." : `, to the server ${server}.`}`}
        </p>
      </li>
      {request.policyReason !== null && (
        <li class={request.errorCode === "access_denied" ? "bad" : undefined}>
          <p class="strong">The access policy decided</p>
          <p class="wrap">{request.policyReason}</p>
        </li>
      )}
      <li class={request.connectionId === null ? "bad" : undefined}>
        <p class="strong">{connectorTitle(request)}</p>
        <p>{connectorText(request, connection)}</p>
      </li>
      <li class={failed ? "bad" : undefined}>
        <p class="strong">{failed ? "It did not end well" : "The client got the answer"}</p>
        <p>
          {`${utc(endedAt)} UTC, ${milliseconds(request.durationMs)} after it began: status ${request.status}, ${
            bytes(request.relayedResponseBytes)
          } of body. ${OUTCOME_TEXTS[request.outcome]}`}
        </p>
      </li>
    </ol>
  );
};

/** Codes that say that a connector had the request. */
const AT_CONNECTOR = [
  "target_unknown",
  "target_unreachable",
  "target_invalid_response",
  "target_timeout",
  "connector_lost",
];

function connectorTitle({ connectionId, errorCode }: LoggedRequest): string {
  if (connectionId !== null) return "A connector answered";
  return AT_CONNECTOR.includes(errorCode ?? "") ? "A connector had it, but no answer" : "No connector had it";
}

function connectorText(request: LoggedRequest, connection: ConnectionEntry | undefined): string {
  const { connectionId } = request;
  if (AT_CONNECTOR.includes(request.errorCode ?? "")) return ERROR_TEXTS[request.errorCode ?? ""]?.meaning ?? "";
  if (connectionId === null) return "The answer came from the relay itself, or from an interceptor.";
  if (connection === undefined) return `Its connection ${connectionId.slice(0, 8)} has ended since.`;
  return `${connection.machineName}, version ${connection.version}, over connection ${
    connectionId.slice(0, 8)
  } from ${connection.peerAddress}, which is open still.`;
}

const Sizes: FC<{ request: LoggedRequest }> = ({ request }) => (
  <Card title="Bodies" wide>
    <TableBox label="Bodies">
      <table>
        <thead>
          <tr>
            <th scope="col">Body</th>
            <th scope="col" class="number">As it came</th>
            <th scope="col" class="number">As it was passed on</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Request</th>
            <td class="number">{bytes(request.requestBytes)}</td>
            <td class="number">{bytes(request.relayedRequestBytes)}</td>
          </tr>
          <tr>
            <th scope="row">Answer</th>
            <td class="number">{bytes(request.responseBytes)}</td>
            <td class="number">{bytes(request.relayedResponseBytes)}</td>
          </tr>
        </tbody>
      </table>
    </TableBox>
  </Card>
);
