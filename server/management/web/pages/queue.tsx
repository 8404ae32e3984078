/**
 * What a tenant has stored: requests that wait, and those that were given up.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { StoredCounts, Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { type StoredList, type StoredRequestDocument, toStoredRequestDocument } from "../../queue_service.ts";
import { may, type Web, type WebContext, type WebParts } from "../environment.ts";
import { bytes, count, counted } from "../format.ts";
import { goTo } from "../guards.ts";
import { Card, Confirm, Empty, Notice, Pager, TableBox, Time } from "../parts/blocks.tsx";
import { DeliveryPill } from "../parts/delivery_pill.tsx";
import { Refresh } from "../parts/refresh.tsx";
import { idOf, skipOf, withQuery } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";
import { showStoredRequest } from "./stored_request.tsx";

const TAKE = 50;

/** The two lists, by what follows the tenant's address. */
const LISTS = { "/queue": "queue", "/dead-letters": "deadLetters" } as const satisfies Record<string, StoredList>;

type ListPath = keyof typeof LISTS;

const WORDS = {
  queue: {
    title: "Waiting requests",
    empty: "Nothing waits",
    about:
      "Requests sent to /queue, and those of an acknowledge mode that stores them, are here until they are settled.",
  },
  deadLetters: {
    title: "Dead letters",
    empty: "No dead letters",
    about: "Stored requests that were given up are kept here until somebody sends them again or deletes them.",
  },
} as const;

const DONE: Readonly<Record<string, string>> = {
  removed: "The request is deleted.",
  all: "All requests of this list are deleted.",
  resent: "The dead letter is on its way again, as if it were new.",
};

/** Adds the pages. */
export function addQueuePages(web: Web, parts: WebParts): void {
  for (const path of ["/queue", "/dead-letters"] as const) addList(web, parts, path);
  web.post("/tenants/:name/dead-letters/:id/resend", allow("writer", parts.credentials), async (context) => {
    const name = context.req.param("name");
    await parts.queue.resend(name, { id: idOf(context), actor: actorOf(context, parts) });
    return goTo(context, `${tenantPath(name)}/dead-letters?done=resent`);
  });
}

function addList(web: Web, parts: WebParts, path: ListPath): void {
  const { tenants, queue, credentials } = parts;
  const list = LISTS[path];
  const reader = allow("reader", credentials);
  const writer = allow("writer", credentials);
  web.get(`/tenants/:name${path}`, reader, async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    return await showList(context, { parts, tenant, path });
  });
  web.post(`/tenants/:name${path}/remove`, writer, async (context) => {
    const tenantName = context.req.param("name");
    await queue.remove({ tenantName, list }, actorOf(context, parts));
    return goTo(context, `${tenantPath(tenantName)}${path}?done=all`);
  });
  web.get(`/tenants/:name${path}/:id`, reader, async (context) => {
    const name = context.req.param("name");
    const tenant = await tenants.get(name);
    const stored = await queue.get({ tenantName: name, list, id: idOf(context) });
    return await showStoredRequest(context, { parts, tenant, stored, base: `${tenantPath(tenant.name)}${path}` });
  });
  web.post(`/tenants/:name${path}/:id/remove`, writer, async (context) => {
    const name = context.req.param("name");
    await queue.remove({ tenantName: name, list, id: idOf(context) }, actorOf(context, parts));
    return goTo(context, `${tenantPath(name)}${path}?done=removed`);
  });
}

interface ListOptions {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly path: ListPath;
}

async function showList(context: WebContext, { parts, tenant, path }: ListOptions): Promise<Response> {
  const list = LISTS[path];
  const skip = skipOf(context);
  const [{ results, totalCount }, counts] = await Promise.all([
    parts.queue.list(tenant.name, { list, skip, take: TAKE }),
    parts.queue.count(tenant.name),
  ]);
  const base = `${tenantPath(tenant.name)}${path}`;
  const { title, empty, about } = WORDS[list];
  const done = DONE[context.req.query("done") ?? ""];
  const requests = results.map(toStoredRequestDocument);
  return await showTenantPage(
    context,
    { parts, tenant, tab: "/queue", title, types: ["requestFinished"] },
    <>
      {done !== undefined && (
        <Notice kind="good">
          <p>{done}</p>
        </Notice>
      )}
      <Refresh ids={["stored"]} everySeconds={10} />
      <div
        id="stored"
        class="stack"
      >
        <Lists tenant={tenant} path={path} counts={counts} />
        <Card title={title} wide>
          {requests.length === 0
            ? <Empty title={totalCount === 0 ? empty : "Nothing on this page any more"}>{about}</Empty>
            : <StoredTable label={title} requests={requests} base={base} nowMs={parts.now()} />}
          <Pager
            skip={skip}
            take={TAKE}
            total={totalCount}
            shown={requests.length}
            href={(to) => withQuery(base, { skip: to === 0 ? undefined : String(to) })}
          />
        </Card>
      </div>
      {totalCount > 0 && may(context, "writer") && <RemoveAll list={list} base={base} total={totalCount} />}
    </>,
  );
}

const Lists: FC<{ tenant: Tenant; path: ListPath; counts: StoredCounts }> = ({ tenant, path, counts }) => (
  <nav aria-label="Lists of stored requests">
    <span class="segments">
      <a href={`${tenantPath(tenant.name)}/queue`} aria-current={path === "/queue" ? "true" : undefined}>
        {`Waiting: ${count(counts.queued)}`}
      </a>
      <a href={`${tenantPath(tenant.name)}/dead-letters`} aria-current={path === "/dead-letters" ? "true" : undefined}>
        {`Dead letters: ${count(counts.dead)}`}
      </a>
    </span>
  </nav>
);

interface StoredTableOptions {
  readonly label: string;
  readonly requests: readonly StoredRequestDocument[];
  readonly base: string;
  readonly nowMs: number;
}

const StoredTable: FC<StoredTableOptions> = ({ label, requests, base, nowMs }) => (
  <TableBox label={label}>
    <table>
      <thead>
        <tr>
          <th scope="col">Created</th>
          <th scope="col">Request</th>
          <th scope="col">State</th>
          <th scope="col" class="number">Attempts</th>
          <th scope="col" class="number">Body</th>
          <th scope="col">Last error</th>
        </tr>
      </thead>
      <tbody>
        {requests.map((request) => (
          <tr>
            <td>
              <Time at={Date.parse(request.created)} nowMs={nowMs} />
            </td>
            <td class="path">
              <a href={`${base}/${request.id}`}>{`${request.method} ${request.target}${request.path}`}</a>
            </td>
            <td>
              <DeliveryPill request={request} nowMs={nowMs} />
            </td>
            <td class="number">{count(request.attempts)}</td>
            <td class="number">{bytes(request.bodyBytes)}</td>
            <td class="wrap">{request.lastError ?? "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </TableBox>
);

const RemoveAll: FC<{ list: StoredList; base: string; total: number }> = ({ list, base, total }) => (
  <div class="actions">
    <Confirm
      label="Delete all"
      question={list === "queue" ? "Delete all waiting requests?" : "Delete all dead letters?"}
      action={`${base}/remove`}
      button={list === "queue" ? "Delete all waiting requests" : "Delete all dead letters"}
    >
      <ul>
        <li>
          {list === "queue"
            ? `${counted(total, "request")}, and whatever comes until then, will not be delivered.`
            : `${counted(total, "dead letter")} can be sent no more.`}
        </li>
        {list === "queue" && <li>What is being delivered right now may reach its target all the same.</li>}
        <li>Their bodies are gone. This cannot be undone.</li>
      </ul>
    </Confirm>
  </div>
);
