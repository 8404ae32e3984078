/**
 * A tenant's recordings, and what is in one.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { RecordedRequestSummary, Recording, Tenant } from "../../../persistence/mod.ts";
import { isRecordingRunning } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import { newRecordingSchema, toRecordingDocument } from "../../recordings/recording_document.ts";
import { may, type Web, type WebContext, type WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, readForm } from "../form.ts";
import { bytes, count, counted, milliseconds } from "../format.ts";
import { goTo } from "../guards.ts";
import { Card, Confirm, Empty, Notice, Pager, Pill, StatusPill, TableBox, Time } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { idOf, skipOf, withQuery } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

const TAKE = 25;

const LABELS = {
  duration: "Minutes",
  target: "Target",
  pathPrefix: "Path begins with",
  status: "Status",
  maskHeaders: "Headers to mask",
  bodies: "Bodies",
};

/** Adds the pages. */
export function addRecordingPages(web: Web, parts: WebParts): void {
  const { tenants, recordings, credentials } = parts;
  const path = "/tenants/:name/recordings";
  web.get(path, allow("reader", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    return await showRecordings(context, { parts, tenant, form: freshForm({ duration: "5", bodies: "yes" }) });
  });
  web.post(path, allow("writer", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    const values = await readForm(context);
    try {
      const input = parseInput(newRecordingSchema, toInput(values));
      const { id } = await recordings.start(tenant.name, { input, actor: actorOf(context, parts) });
      return goTo(context, `${tenantPath(tenant.name)}/recordings/${id}`);
    } catch (error) {
      return await showRecordings(context, { parts, tenant, form: faultyForm(error, values) });
    }
  });
  web.get(`${path}/:id`, allow("reader", credentials), async (context) => {
    const name = context.req.param("name");
    const id = idOf(context);
    const tenant = await tenants.get(name);
    return await showRecording(context, { parts, tenant, id });
  });
  web.post(`${path}/:id/stop`, allow("writer", credentials), async (context) => {
    const name = context.req.param("name");
    const id = idOf(context);
    await recordings.stop({ tenantName: name, id }, actorOf(context, parts));
    return goTo(context, `${tenantPath(name)}/recordings/${id}`);
  });
  web.post(`${path}/:id/remove`, allow("writer", credentials), async (context) => {
    const name = context.req.param("name");
    const id = idOf(context);
    await recordings.remove({ tenantName: name, id }, actorOf(context, parts));
    return goTo(context, `${tenantPath(name)}/recordings?done=removed`);
  });
}

function toInput(values: Readonly<Record<string, string>>) {
  const minutes = filled(values.duration);
  return {
    duration: minutes === null ? undefined : /^\d{1,4}$/.test(minutes.trim()) ? `${minutes.trim()}m` : minutes,
    target: filled(values.target),
    pathPrefix: filled(values.pathPrefix),
    status: filled(values.status),
    maskHeaders: (values.maskHeaders ?? "").split(/[\s,]+/).filter((name) => name !== ""),
    bodies: values.bodies !== "no",
  };
}

interface RecordingsPage {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly form: FormState;
}

async function showRecordings(context: WebContext, { parts, tenant, form }: RecordingsPage): Promise<Response> {
  const skip = skipOf(context);
  const { results, totalCount } = await parts.recordings.list(tenant.name, { skip, take: TAKE });
  const base = `${tenantPath(tenant.name)}/recordings`;
  const nowMs = parts.now();
  return await showTenantPage(
    context,
    { parts, tenant, tab: "/recordings", title: "Recordings", status: Object.keys(form.faults).length > 0 ? 400 : 200 },
    <>
      {context.req.query("done") === "removed" && (
        <Notice kind="good">
          <p>The recording and all that was in it are deleted.</p>
        </Notice>
      )}
      <Card title="Recordings" wide>
        {results.length === 0
          ? <Empty title="No recordings">What was recorded will be listed here.</Empty>
          : (
            <TableBox label="Recordings">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Begun</th>
                    <th scope="col">By</th>
                    <th scope="col">State</th>
                    <th scope="col">Of</th>
                    <th scope="col" class="number">Requests</th>
                    <th scope="col" class="number">Size</th>
                  </tr>
                </thead>
                <tbody>
                  {results.map((recording) => <RecordingRow recording={recording} base={base} nowMs={nowMs} />)}
                </tbody>
              </table>
            </TableBox>
          )}
        <Pager
          skip={skip}
          take={TAKE}
          total={totalCount}
          shown={results.length}
          href={(to) => withQuery(base, { skip: to === 0 ? undefined : String(to) })}
        />
      </Card>
      {may(context, "writer") && <StartCard form={form} base={base} />}
    </>,
  );
}

const RecordingRow: FC<{ recording: Recording; base: string; nowMs: number }> = ({ recording, base, nowMs }) => (
  <tr>
    <td>
      <a href={`${base}/${recording.id}`}>
        <Time at={recording.startedAt} nowMs={nowMs} />
      </a>
    </td>
    <td class="wrap">{recording.startedBy}</td>
    <td>
      <StatePill recording={recording} nowMs={nowMs} />
    </td>
    <td class="path">{describe(recording, nowMs)}</td>
    <td class="number">{count(recording.requestCount)}</td>
    <td class="number">{bytes(recording.sizeBytes)}</td>
  </tr>
);

const StatePill: FC<{ recording: Recording; nowMs: number }> = ({ recording, nowMs }) => {
  if (isRecordingRunning(recording, nowMs)) return <Pill kind="good">Recording</Pill>;
  if (recording.endReason === "full") return <Pill kind="warn">Full</Pill>;
  return <Pill kind="idle">Ended</Pill>;
};

function describe(recording: Recording, nowMs: number): string {
  const { target, pathPrefix, status, bodies } = toRecordingDocument(recording, nowMs);
  const facts = [
    target === null ? "all targets" : `target ${target}`,
    pathPrefix !== null && `path ${pathPrefix}…`,
    status !== null && `status ${status}`,
    !bodies && "without bodies",
  ];
  return facts.filter(Boolean).join(", ");
}

const StartCard: FC<{ form: FormState; base: string }> = ({ form, base }) => (
  <Card title="Record">
    <p class="muted">
      Headers and bodies of the tenant's requests are kept, as client and target saw them. Credentials and acknowledge
      URLs are masked before anything is stored; what else is in the bodies is not.
    </p>
    <Faults form={form} labels={LABELS} />
    <form method="post" action={base} class="form">
      <div class="form-row">
        <TextField form={form} name="duration" label={LABELS.duration} inputmode="numeric" narrow required />
        <TextField form={form} name="target" label={LABELS.target} help="Empty: all." />
        <TextField form={form} name="pathPrefix" label={LABELS.pathPrefix} help="Behind the target. Empty: all." />
        <TextField form={form} name="status" label={LABELS.status} help="Such as 404, 5xx or 400-499." narrow />
      </div>
      <div class="form-row">
        <TextField form={form} name="maskHeaders" label={LABELS.maskHeaders} help="Besides those with credentials." />
        <SelectField
          form={form}
          name="bodies"
          label={LABELS.bodies}
          options={[["yes", "Keep the beginning of each"], ["no", "Keep sizes only"]]}
        />
      </div>
      <div class="actions">
        <button type="submit" class="primary">Start recording</button>
      </div>
    </form>
  </Card>
);

async function showRecording(
  context: WebContext,
  { parts, tenant, id }: { readonly parts: WebParts; readonly tenant: Tenant; readonly id: string },
): Promise<Response> {
  const key = { tenantName: tenant.name, id };
  const recording = await parts.recordings.get(key);
  const skip = skipOf(context);
  const canWrite = may(context, "writer");
  const page = canWrite ? await parts.recordings.listRequests(key, { skip, take: TAKE }) : undefined;
  const base = `${tenantPath(tenant.name)}/recordings/${id}`;
  const nowMs = parts.now();
  const isRunning = isRecordingRunning(recording, nowMs);
  // While it runs the page looks again by itself.
  const refresh = isRunning ? { "hx-get": "", "hx-trigger": "every 2s", "hx-swap": "outerHTML" } : {};
  return await showTenantPage(
    context,
    { parts, tenant, tab: "/recordings", title: "Recording" },
    <>
      <div id="state" {...refresh} hx-select="#state">
        <StateCard recording={recording} base={base} nowMs={nowMs} canWrite={canWrite} />
      </div>
      {page === undefined
        ? (
          <Notice kind="warn">
            <p>To see what was recorded takes the role writer: traffic may hold anything.</p>
          </Notice>
        )
        : (
          <div id="requests" {...refresh} hx-select="#requests">
            <Card title="Requests" wide>
              {page.results.length === 0
                ? <Empty title="Nothing yet">No request has come that is wanted.</Empty>
                : (
                  <TableBox label="Recorded requests">
                    <table>
                      <thead>
                        <tr>
                          <th scope="col">Time</th>
                          <th scope="col">Request</th>
                          <th scope="col">Status</th>
                          <th scope="col" class="number">Duration</th>
                        </tr>
                      </thead>
                      <tbody>{page.results.map((request) => <RequestRow request={request} base={base} />)}</tbody>
                    </table>
                  </TableBox>
                )}
              <Pager
                skip={skip}
                take={TAKE}
                total={page.totalCount}
                shown={page.results.length}
                href={(to) => withQuery(base, { skip: to === 0 ? undefined : String(to) })}
              />
            </Card>
          </div>
        )}
    </>,
  );
}

const RequestRow: FC<{ request: RecordedRequestSummary; base: string }> = ({ request, base }) => (
  <tr>
    <td>
      <Time at={request.startedAt} />
    </td>
    <td class="path">
      <a href={`${base}/requests/${request.id}`}>{`${request.method} ${request.target}${request.path}`}</a>
    </td>
    <td>
      <StatusPill status={request.status} outcome={request.outcome} /> {request.errorCode}
    </td>
    <td class="number">{milliseconds(request.durationMs)}</td>
  </tr>
);

const StateCard: FC<{ recording: Recording; base: string; nowMs: number; canWrite: boolean }> = (
  { recording, base, nowMs, canWrite },
) => {
  const { requestCount, maxRequests, sizeBytes, maxBytes, droppedCount, startedAt, endsAt, endedAt, startedBy } =
    recording;
  const isRunning = isRecordingRunning(recording, nowMs);
  return (
    <Card title="Recording" aside={<StatePill recording={recording} nowMs={nowMs} />}>
      <dl class="facts">
        <div>
          <dt>Of</dt>
          <dd class="wrap">{describe(recording, nowMs)}</dd>
        </div>
        <div>
          <dt>Begun by</dt>
          <dd class="wrap">
            {startedBy}, <Time at={startedAt} nowMs={nowMs} />
          </dd>
        </div>
        <div>
          <dt>{isRunning ? "Ends" : "Ended"}</dt>
          <dd>
            <Time at={endedAt ?? endsAt} nowMs={nowMs} />
          </dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>
            {`${count(requestCount)} of ${counted(maxRequests, "request")}, ${bytes(sizeBytes)} of ${bytes(maxBytes)}`}
          </dd>
        </div>
      </dl>
      {droppedCount > 0 && (
        <Notice kind="warn">
          <p>{counted(droppedCount, "request")} could not be kept: the database was too slow, or away.</p>
        </Notice>
      )}
      {canWrite && (
        <div class="actions">
          {isRunning && (
            <form method="post" action={`${base}/stop`}>
              <button type="submit" class="primary">Stop recording</button>
            </form>
          )}
          {requestCount > 0 && (
            <>
              <a class="button" href={`/management${base}/har`} download>Export as HAR</a>
              <a class="button" href={`/management${base}/curl`} download>Export as curl commands</a>
            </>
          )}
          {!isRunning && (
            <Confirm
              label="Delete"
              question="Delete this recording?"
              action={`${base}/remove`}
              button="Delete recording"
            >
              <p>All requests in it are deleted with it.</p>
            </Confirm>
          )}
        </div>
      )}
    </Card>
  );
};
