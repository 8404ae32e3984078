/**
 * One tenant: who is connected, what was relayed; on and off.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { StoredCounts, Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import type { ConnectionEntry } from "../../connection_service.ts";
import { tenantChangeSchema, toTenantDocument } from "../../tenant_document.ts";
import { parseInput } from "../../input.ts";
import { may, type Web, type WebContext, type WebParts } from "../environment.ts";
import { bytes, count, counted, milliseconds, percent } from "../format.ts";
import { goTo } from "../guards.ts";
import { Card, Confirm, Empty, Notice, Pill, TableBox, Tile, Time } from "../parts/blocks.tsx";
import { type ChartRange, chartRange, Charts, RangeLinks } from "../parts/charts.tsx";
import { Refresh } from "../parts/refresh.tsx";
import { RequestTable } from "../parts/request_table.tsx";
import { TargetTable } from "../parts/target_table.tsx";
import { idOf } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";
import { summed } from "./dashboard.tsx";

const LAST_REQUESTS = 10;
const TARGETS = 10;

const DONE: Readonly<Record<string, string>> = {
  enabled: "The tenant is enabled. Its connectors connect again by themselves.",
  disabled: "The tenant is disabled. Its connections end, and its requests are refused.",
  disconnected: "The connection ends. Its connector connects again if it may.",
};

/** Adds the pages. */
export function addTenantPage(web: Web, parts: WebParts): void {
  const { tenants, connections, credentials } = parts;
  const writer = allow("writer", credentials);
  web.get("/tenants/:name", allow("reader", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    return await showTenant(context, { parts, tenant });
  });
  web.post("/tenants/:name/enable", writer, (context) => setEnabled(context, { parts, enabled: true }));
  web.post("/tenants/:name/disable", writer, (context) => setEnabled(context, { parts, enabled: false }));
  web.post("/tenants/:name/connections/:id/disconnect", writer, async (context) => {
    const name = context.req.param("name");
    const id = idOf(context);
    await connections.disconnect(name, { id, actor: actorOf(context, parts) });
    return goTo(context, `${tenantPath(name)}?done=disconnected`);
  });
}

async function setEnabled(
  context: WebContext,
  { parts, enabled }: { readonly parts: WebParts; readonly enabled: boolean },
): Promise<Response> {
  const { tenants } = parts;
  const tenant = await tenants.get(context.req.param("name") ?? "");
  const input = parseInput(tenantChangeSchema, { ...toTenantDocument(tenant), enabled });
  await tenants.update(tenant.name, { input, actor: actorOf(context, parts), versions: [tenant.version] });
  return goTo(context, `${tenantPath(tenant.name)}?done=${enabled ? "enabled" : "disabled"}`);
}

interface TenantOptions {
  readonly parts: WebParts;
  readonly tenant: Tenant;
}

async function showTenant(context: WebContext, { parts, tenant }: TenantOptions): Promise<Response> {
  const range = chartRange(context.req.query("range"), context.req.query("step"));
  const nowMs = parts.now();
  const span = { from: nowMs - range.spanMs, to: nowMs };
  const [connections, totals, targets, requests, stored] = await Promise.all([
    parts.connections.list(tenant.name),
    parts.statistics.find(tenant.name, { ...span, resolution: range.stepMs }),
    parts.statistics.findTargets(tenant.name, { ...span, order: "requests", take: TARGETS }),
    parts.requests.find({ filter: {}, tenantName: tenant.name, skip: 0, take: LAST_REQUESTS }),
    parts.queue.count(tenant.name),
  ]);
  const done = DONE[context.req.query("done") ?? ""];
  const path = tenantPath(tenant.name);
  const canWrite = may(context, "writer");
  return await showTenantPage(
    context,
    {
      parts,
      tenant,
      tab: "",
      title: "Overview",
      types: ["requestFinished", "tenantChanged"],
      assets: ["uplot.css", "uplot.js", "charts.js"],
      actions: canWrite ? <Switches tenant={tenant} connections={connections.length} /> : undefined,
    },
    <>
      {done !== undefined && (
        <Notice kind="good">
          <p>{done}</p>
        </Notice>
      )}
      {!tenant.enabled && (
        <Notice kind="warn" title="This tenant is disabled">
          <p>Its requests are answered with 403 tenant_disabled, and its connectors are not let in.</p>
        </Notice>
      )}
      {tenant.description !== null && <p class="wrap">{tenant.description}</p>}
      <Refresh ids={["connections", "stored"]} throttle="500ms" everySeconds={10} />
      <Connections connections={connections} tenant={tenant} nowMs={nowMs} canWrite={canWrite} />
      <Stored stored={stored} path={path} />
      <div class="card-head" id="charts">
        <h2>{`Last ${range.last}`}</h2>
        <RangeLinks range={range} path={path} />
      </div>
      <Totals totals={summed(totals)} range={range} />
      <div class="columns three">
        <Charts range={range} url={`/management/tenants/${encodeURIComponent(tenant.name)}/statistics`} />
      </div>
      <Card title="Targets" wide>
        <TargetTable label="Targets" targets={targets} empty="Nothing was relayed in this time" hasTenants={false} />
      </Card>
      <Card title="Last requests" wide aside={<a href={`${path}/requests`}>All of this tenant</a>}>
        <div id="no-requests" hidden={requests.results.length > 0}>
          <Empty title="No requests yet">They appear here as they happen.</Empty>
        </div>
        <RequestTable
          label="Last requests"
          requests={requests.results}
          hasTenants={false}
          feed={{ most: LAST_REQUESTS, empty: "no-requests" }}
        />
      </Card>
    </>,
  );
}

const Totals: FC<{ totals: ReturnType<typeof summed>; range: ChartRange }> = ({ totals, range }) => (
  <dl class="tiles">
    <Tile label="Requests" value={count(totals.requests)} about={`last ${range.last}`} />
    <Tile
      label="Failed"
      value={percent(totals.failed, totals.requests)}
      about={counted(totals.failed, "request")}
      {...(totals.failed > 0 ? { kind: "bad" as const } : {})}
    />
    <Tile label="Average duration" value={totals.requests === 0 ? "–" : milliseconds(totals.averageDurationMs)} />
    <Tile label="Traffic" value={bytes(totals.bytes)} about="bodies, in and out" />
  </dl>
);

const Stored: FC<{ stored: StoredCounts; path: string }> = ({ stored, path }) => (
  <dl
    class="tiles"
    id="stored"
  >
    <Tile label="Queued requests" value={count(stored.queued)} about={<a href={`${path}/queue`}>What waits</a>} />
    <Tile
      label="Dead letters"
      value={count(stored.dead)}
      about={<a href={`${path}/dead-letters`}>What was given up</a>}
      {...(stored.dead > 0 ? { kind: "bad" as const } : {})}
    />
  </dl>
);

const Switches: FC<{ tenant: Tenant; connections: number }> = ({ tenant, connections }) => {
  const path = tenantPath(tenant.name);
  return (
    <>
      {tenant.enabled
        ? (
          <Confirm
            label="Disable"
            question={`Disable ${tenant.name}?`}
            action={`${path}/disable`}
            button="Disable tenant"
          >
            <ul>
              <li>{counted(connections, "connection")} to this server will end; requests under way are cut off.</li>
              <li>New requests are answered with 403 tenant_disabled.</li>
              <li>Settings and secrets stay. It can be enabled again at any time.</li>
            </ul>
          </Confirm>
        )
        : (
          <form method="post" action={`${path}/enable`}>
            <button type="submit">Enable</button>
          </form>
        )}
      <a class="button danger" href={`${path}/remove`}>Delete</a>
    </>
  );
};

interface ConnectionsOptions {
  readonly connections: readonly ConnectionEntry[];
  readonly tenant: Tenant;
  readonly nowMs: number;
  readonly canWrite: boolean;
}

const Connections: FC<ConnectionsOptions> = ({ connections, tenant, nowMs, canWrite }) => (
  <Card title="Connections" wide>
    <div id="connections">
      {connections.length === 0 && (
        <Empty title="No connector is connected">
          {tenant.enabled
            ? <>Requests are answered with 503 connector_unavailable. Start a connector with a secret of this tenant.</>
            : <>Connectors are not let in while the tenant is disabled.</>}
        </Empty>
      )}
      {connections.length > 0 && (
        <TableBox label="Connections">
          <table>
            <thead>
              <tr>
                <th scope="col">Connector</th>
                <th scope="col">Targets</th>
                <th scope="col">Connected</th>
                <th scope="col" class="number">Round trip</th>
                <th scope="col" class="number">In flight</th>
                {canWrite && (
                  <th scope="col">
                    <span class="hidden">What can be done</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {connections.map((entry) => (
                <ConnectionRow entry={entry} tenant={tenant} nowMs={nowMs} canWrite={canWrite} />
              ))}
            </tbody>
          </table>
        </TableBox>
      )}
    </div>
  </Card>
);

const ConnectionRow: FC<{ entry: ConnectionEntry; tenant: Tenant; nowMs: number; canWrite: boolean }> = (
  { entry, tenant, nowMs, canWrite },
) => (
  <tr>
    <td>
      <span class="name strong">{entry.machineName}</span>
      <span class="muted small">
        {`version ${entry.version}, from ${entry.peerAddress}`}
        <br />
        {`at server ${entry.originId.slice(0, 8)}`}
      </span>
    </td>
    <td>
      {entry.targets.map((target) => (
        <div class="wrap">
          {target} {entry.unhealthyTargets?.includes(target) === true && <Pill kind="bad">Unhealthy</Pill>}
        </div>
      ))}
    </td>
    <td>
      <Time at={entry.connectedAt} nowMs={nowMs} />
    </td>
    <td class="number">{entry.roundTripMs === undefined ? "–" : milliseconds(entry.roundTripMs)}</td>
    <td class="number">{`${count(entry.inFlight)} of ${count(entry.capacity)}`}</td>
    {canWrite && (
      <td class="actions-cell">
        <Confirm
          label="Disconnect"
          question={`Disconnect ${entry.machineName}?`}
          action={`${tenantPath(tenant.name)}/connections/${entry.id}/disconnect`}
          button="Disconnect"
        >
          <p>
            {counted(entry.inFlight, "request")} under way {entry.inFlight === 1 ? "has" : "have"}{" "}
            five seconds to finish. The connector connects again by itself: to keep it out, remove its secret or disable
            the tenant.
          </p>
        </Confirm>
      </td>
    )}
  </tr>
);
