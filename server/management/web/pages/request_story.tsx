/**
 * The story of one request.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { LoggedRequest, StoredState } from "../../../persistence/mod.ts";
import type { ConnectionEntry } from "../../connection_service.ts";
import { ManagementError } from "../../management_error.ts";
import { may, type WebContext, type WebParts } from "../environment.ts";
import { ERROR_TEXTS } from "../error_texts.ts";
import { bytes, milliseconds, utc } from "../format.ts";
import { showPage } from "../layout.tsx";
import { Card, Heading, Notice, StatusPill, TableBox, Time } from "../parts/blocks.tsx";
import { type Times, TimesCard } from "../parts/times_card.tsx";
import { tenantPath } from "../tenant_frame.tsx";

const OUTCOME_TEXTS: Readonly<Record<string, string>> = {
  succeeded: "The answer reached the client whole.",
  aborted: "The client left before it had the whole answer.",
  failed: "The relay could not deliver the request, refused it, or the answer broke off.",
  expired: "There was no answer in time.",
  errored: "The relay itself failed.",
};

/** Answers with the page. */
export async function showStory(
  context: WebContext,
  { parts, request }: { readonly parts: WebParts; readonly request: LoggedRequest },
): Promise<Response> {
  const { id, tenantId, startedAt } = request;
  const [connection, origins, stored, recorded] = await Promise.all([
    connectionOf(parts, request),
    parts.origins.list(),
    tenantId === null ? undefined : parts.queue.find(tenantId, id),
    tenantId === null || !may(context, "writer")
      ? []
      : parts.recordings.findByRequest(tenantId, { requestId: id, startedAt }),
  ]);
  const origin = origins.find(({ id }) => id === request.originId);
  const times = timesOf(request);
  const text = request.errorCode === null ? undefined : ERROR_TEXTS[request.errorCode];
  return await showPage(
    context,
    { title: "Request", place: "/requests", assets: ["recordings.css"] },
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
      {stored !== undefined && <StoredNotice request={request} state={stored.state} />}
      {times !== undefined && <TimesCard times={times} />}
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
              <Fact name="Deliveries">{deliveriesText(request)}</Fact>
              <Fact name="Server">
                {`${origin?.machineName ?? "one that is gone"} (${request.originId.slice(0, 8)})`}
              </Fact>
              <Fact name="Answered by connection">{request.connectionId ?? "none"}</Fact>
              {recorded.map(({ recordingId, id }) => (
                <Fact name="Recorded">
                  <a href={`${tenantPath(request.tenantName)}/recordings/${recordingId}/requests/${id}`}>
                    Its headers and bodies
                  </a>
                </Fact>
              ))}
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

const StoredNotice: FC<{ request: LoggedRequest; state: StoredState }> = ({ request, state }) => {
  const list = state === "dead" ? "dead-letters" : "queue";
  return (
    <Notice kind={state === "dead" ? "bad" : "warn"} title={state === "dead" ? "It is a dead letter" : "It is stored"}>
      <p>
        {state === "dead" ? "It was given up. " : "It is not settled yet. "}
        <a href={`${tenantPath(request.tenantName)}/${list}/${request.id}`}>See how it stands</a>
      </p>
    </Notice>
  );
};

/** Where the time went; `undefined` when no connection got the request. */
function timesOf({ waitedMs, tunnelMs, targetMs, durationMs }: LoggedRequest): Times | undefined {
  if (waitedMs === null) return undefined;
  const restMs = Math.max(0, durationMs - waitedMs - (tunnelMs ?? 0) - (targetMs ?? 0));
  const times = { waitMs: waitedMs, tunnelMs, targetMs, totalMs: durationMs };
  return targetMs === null ? { ...times, bodyMs: null, unansweredMs: restMs } : { ...times, bodyMs: restMs };
}

function deliveriesText({ deliveries }: LoggedRequest): string {
  if (deliveries === null) return "Not counted by the release that logged it";
  if (deliveries === 0) return "No connection got it";
  return deliveries === 1 ? "One connection got it" : `Connections got it ${deliveries} times`;
}

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
  const { waitedMs, tunnelMs, targetMs } = request;
  const answeredMs = targetMs === null ? undefined : (tunnelMs ?? 0) + targetMs;
  const headAt = waitedMs === null || answeredMs === undefined ? undefined : request.startedAt + waitedMs + answeredMs;
  const failed = request.outcome !== "succeeded";
  return (
    <ol class="story">
      <li>
        <p class="strong">The client asked</p>
        <p>
          {`${
            clock(request.startedAt)
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
      {request.waitedMs !== null && (
        <li>
          <p class="strong">{request.deliveries === 1 ? "A connection got it" : "A connection got it at last"}</p>
          <p>
            {`${clock(request.startedAt + request.waitedMs)} UTC, ${milliseconds(request.waitedMs)} after it began.${
              request.deliveries === 1 ? "" : ` ${deliveriesText(request)}.`
            }`}
          </p>
        </li>
      )}
      <li class={request.connectionId === null ? "bad" : undefined}>
        <p class="strong">{connectorTitle(request)}</p>
        <p>
          {headAt !== undefined && answeredMs !== undefined &&
            `${clock(headAt)} UTC, ${milliseconds(answeredMs)} later${atTargetText(request)}. `}
          {connectorText(request, connection)}
        </p>
      </li>
      <li class={failed ? "bad" : undefined}>
        <p class="strong">{failed ? "It did not end well" : "The client got the answer"}</p>
        <p>
          {`${clock(endedAt)} UTC, ${milliseconds(request.durationMs)} after it began: status ${request.status}, ${
            bytes(request.relayedResponseBytes)
          } of body. ${OUTCOME_TEXTS[request.outcome]}`}
        </p>
      </li>
    </ol>
  );
};

/** To the millisecond. */
function clock(timeMs: number): string {
  return `${utc(timeMs)}.${String(Math.floor(timeMs) % 1_000).padStart(3, "0")}`;
}

function atTargetText({ tunnelMs, targetMs }: LoggedRequest): string {
  return tunnelMs === null || targetMs === null ? "" : `, ${milliseconds(targetMs)} of it at the target`;
}

/** Codes that say that a connector had the request. */
const AT_CONNECTOR = [
  "target_unknown",
  "target_unreachable",
  "target_invalid_response",
  "target_timeout",
  "connector_lost",
];

function connectorTitle({ connectionId, errorCode, deliveries }: LoggedRequest): string {
  if (connectionId !== null) return "A connector answered";
  return deliveries || AT_CONNECTOR.includes(errorCode ?? "")
    ? "A connector had it, but no answer"
    : "No connector had it";
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
