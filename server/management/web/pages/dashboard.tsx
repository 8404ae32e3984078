/**
 * The page that stays open: how everything is.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { Origin } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import type { StatisticsDocument, TargetTotalsDocument } from "../../statistics_service.ts";
import type { StatusDocument } from "../../status_service.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { bytes, count, counted, milliseconds, percent } from "../format.ts";
import { showPage } from "../layout.tsx";
import { Card, Empty, Heading, Notice, Pill, TableBox, Tile, Time } from "../parts/blocks.tsx";
import { type ChartRange, chartRange, Charts, RangeLinks } from "../parts/charts.tsx";
import { Refresh } from "../parts/refresh.tsx";
import { RequestTable } from "../parts/request_table.tsx";
import { tenantPath } from "../tenant_frame.tsx";
import { TargetTable } from "../parts/target_table.tsx";

const TARGETS = 5;
const LAST_REQUESTS = 15;
/** An origin writes its row at least so often. */
const SILENT_AFTER_MS = 60_000;

/** Ids of what changes while one looks at it. */
const LIVE_PARTS = ["troubles", "totals", "stored", "components", "origins"];

/** Adds the page. */
export function addDashboard(web: Web, parts: WebParts): void {
  web.get("/", allow("reader", parts.credentials), async (context) => {
    const range = chartRange(context.req.query("range"), context.req.query("step"));
    return await showDashboard(context, { parts, range });
  });
}

async function showDashboard(
  context: WebContext,
  { parts, range }: { readonly parts: WebParts; readonly range: ChartRange },
): Promise<Response> {
  const nowMs = parts.now();
  const { statistics } = parts;
  const span = { from: nowMs - range.spanMs, to: nowMs };
  const [status, totals, slowest, failing, origins, requests] = await Promise.all([
    parts.status.read(),
    statistics.find(undefined, { ...span, resolution: range.stepMs }),
    statistics.findTargets(undefined, { ...span, order: "averageDuration", take: TARGETS }),
    statistics.findTargets(undefined, { ...span, order: "errors", take: TARGETS }),
    parts.origins.list(),
    parts.requests.find({ filter: {}, skip: 0, take: LAST_REQUESTS }),
  ]);
  const assets = ["uplot.css", "uplot.js", "charts.js"] as const;
  return await showPage(
    context,
    { title: "Dashboard", place: "/", assets, live: { types: LIVE_TYPES } },
    <>
      <Refresh ids={LIVE_PARTS} everySeconds={20} />
      <Heading title="Dashboard" />
      <Troubles status={status} />
      <Totals status={status} totals={totals} range={range} />
      <div class="card-head" id="charts">
        <h2>{`Last ${range.last}`}</h2>
        <RangeLinks range={range} path="/" />
      </div>
      <div class="columns three">
        <Charts range={range} url="/management/statistics" />
      </div>
      <div class="columns">
        <TargetCard title="Slowest targets" targets={slowest} empty="Nothing was relayed in this time" />
        <TargetCard title="Most failing targets" targets={failing} empty="Nothing has failed in this time" />
      </div>
      <Stored status={status} />
      <Card title="Last requests" wide aside={<a href="/requests">All requests</a>}>
        <div id="no-requests" hidden={requests.results.length > 0}>
          <Empty title="No requests yet">They appear here as they happen.</Empty>
        </div>
        <RequestTable
          label="Last requests"
          requests={requests.results}
          hasTenants
          feed={{ most: LAST_REQUESTS, empty: "no-requests" }}
        />
      </Card>
      <div class="columns">
        <Origins origins={origins} nowMs={nowMs} status={status} />
        <Components status={status} nowMs={nowMs} />
      </div>
    </>,
  );
}

const LIVE_TYPES = [
  "tenantOnline",
  "tenantOffline",
  "tenantChanged",
  "tenantRemoved",
  "originChanged",
  "requestFinished",
];

const TargetCard: FC<{ title: string; targets: readonly TargetTotalsDocument[]; empty: string }> = (
  { title, targets, empty },
) => (
  <Card title={title} wide>
    <TargetTable label={title} targets={targets} empty={empty} hasTenants />
  </Card>
);

const Troubles: FC<{ status: StatusDocument }> = ({ status }) => (
  <div id="troubles">
    {status.components.filter(({ state }) => state !== "ready").map(({ name, kind, state, lastError }) => (
      <Notice kind="bad" title={`${COMPONENT_NAMES[name]} (${kind}) is ${state}`}>
        {lastError !== null && <p>{lastError}</p>}
      </Notice>
    ))}
  </div>
);

const Totals: FC<{ status: StatusDocument; totals: StatisticsDocument; range: ChartRange }> = (
  { status, totals, range },
) => {
  const sum = summed(totals);
  return (
    <dl class="tiles" id="totals">
      <Tile label="Tenants online" value={count(status.tenantsOnline)} about={`of ${count(status.tenants)}`} />
      <Tile label="Connections" value={count(status.connections)} about="to this server" />
      <Tile
        label="Dead letters"
        value={count(status.deadLetters)}
        about={`${counted(status.queuedRequests, "request")} queued`}
        {...(status.deadLetters > 0 ? { kind: "bad" as const } : {})}
      />
      <Tile label="Requests" value={count(sum.requests)} about={`last ${range.last}`} />
      <Tile
        label="Failed"
        value={percent(sum.failed, sum.requests)}
        about={counted(sum.failed, "request")}
        {...(sum.failed > 0 ? { kind: "bad" as const } : {})}
      />
      <Tile
        label="Average duration"
        value={sum.requests === 0 ? "–" : milliseconds(sum.averageDurationMs)}
        about={sum.requests === 0 ? "no requests" : `slowest ${milliseconds(sum.maximumDurationMs)}`}
      />
      <Tile label="Traffic" value={bytes(sum.bytes)} about="bodies, in and out" />
    </dl>
  );
};

/** One sum of all intervals. */
export function summed({ results }: StatisticsDocument) {
  const sum = { requests: 0, failed: 0, bytes: 0, durations: 0, maximumDurationMs: 0 };
  for (const interval of results) {
    sum.requests += interval.requests;
    sum.failed += interval.errors + interval.expired;
    sum.bytes += interval.requestBytes + interval.responseBytes;
    sum.durations += interval.averageDurationMs * interval.requests;
    sum.maximumDurationMs = Math.max(sum.maximumDurationMs, interval.maximumDurationMs);
  }
  return { ...sum, averageDurationMs: sum.requests === 0 ? 0 : sum.durations / sum.requests };
}

/** Whose requests wait, and whose were given up. */
const Stored: FC<{ status: StatusDocument }> = ({ status }) => (
  <div id="stored">
    {status.stored.length > 0 && (
      <Card title="Queued requests and dead letters" wide>
        <TableBox label="Queued requests and dead letters">
          <table>
            <thead>
              <tr>
                <th scope="col">Tenant</th>
                <th scope="col" class="number">Queued</th>
                <th scope="col" class="number">Dead letters</th>
              </tr>
            </thead>
            <tbody>
              {status.stored.map(({ tenantName, queuedRequests, deadLetters }) => (
                <tr>
                  <td>
                    <a class="name" href={tenantPath(tenantName)}>{tenantName}</a>
                  </td>
                  <td class="number">
                    <a href={`${tenantPath(tenantName)}/queue`}>
                      {count(queuedRequests)}
                      <span class="hidden">{` queued requests of ${tenantName}`}</span>
                    </a>
                  </td>
                  <td class="number">
                    <a href={`${tenantPath(tenantName)}/dead-letters`}>
                      {count(deadLetters)}
                      <span class="hidden">{` dead letters of ${tenantName}`}</span>
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableBox>
      </Card>
    )}
  </div>
);

const COMPONENT_NAMES = { database: "Database", transport: "Server transport", bodyStore: "Body store" } as const;

const Components: FC<{ status: StatusDocument; nowMs: number }> = ({ status, nowMs }) => (
  <Card title="What the server stands on">
    <ul class="health" id="components">
      {status.components.map(({ name, kind, state, since, lastError }) => (
        <li>
          <span>
            <span class="strong">{COMPONENT_NAMES[name]}</span> <span class="muted">{kind}</span>
          </span>
          <Pill kind={state === "ready" ? "good" : "bad"}>{state === "ready" ? "Ready" : state}</Pill>
          {since !== null && (
            <p class="muted small">
              since <Time at={Date.parse(since)} nowMs={nowMs} />
            </p>
          )}
          {lastError !== null && <p class="fault">{lastError}</p>}
        </li>
      ))}
    </ul>
  </Card>
);

const Origins: FC<{ origins: readonly Origin[]; nowMs: number; status: StatusDocument }> = (
  { origins, nowMs, status },
) => (
  <Card title="Servers" wide>
    <div id="origins">
      <TableBox label="Servers">
        <table>
          <thead>
            <tr>
              <th scope="col">Machine</th>
              <th scope="col">State</th>
              <th scope="col" class="number">Connections</th>
              <th scope="col">Started</th>
            </tr>
          </thead>
          <tbody>
            {origins.map((origin) => (
              <tr>
                <td>
                  <span class="name">{origin.machineName}</span>
                  <span class="muted small">
                    {`${origin.version}${origin.id === status.originId ? ", this one" : ""}`}
                  </span>
                </td>
                <td>
                  <OriginPill origin={origin} nowMs={nowMs} />
                </td>
                <td class="number">{count(origin.id === status.originId ? status.connections : origin.connections)}</td>
                <td>
                  <Time at={origin.startedAt} nowMs={nowMs} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableBox>
    </div>
  </Card>
);

const OriginPill: FC<{ origin: Origin; nowMs: number }> = ({ origin, nowMs }) => {
  if (origin.state === "stopped") return <Pill kind="idle">Stopped</Pill>;
  if (nowMs - origin.lastSeenAt > SILENT_AFTER_MS) return <Pill kind="bad">Not seen any more</Pill>;
  return origin.state === "ready" ? <Pill kind="good">Ready</Pill> : <Pill kind="warn">Draining</Pill>;
};
