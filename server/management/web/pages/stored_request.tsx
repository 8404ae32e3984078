/**
 * One request that a tenant has stored.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { StoredRequest, Tenant } from "../../../persistence/mod.ts";
import { type StoredRequestDetails, toStoredRequestDetails } from "../../queue_service.ts";
import { may, type WebContext, type WebParts } from "../environment.ts";
import { ERROR_TEXTS } from "../error_texts.ts";
import { bytes, count } from "../format.ts";
import { Card, Confirm, Notice, TableBox, Time } from "../parts/blocks.tsx";
import { DeliveryPill } from "../parts/delivery_pill.tsx";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

/** Why requests become dead letters, and what to do about it. */
const REASONS = {
  redelivery_limit: {
    meaning: "It was delivered as often as redeliveryLimit allows, and nobody has settled it.",
    remedy: "Look at the last error, and at the target. Send it again when the reason is gone.",
  },
  expired: {
    meaning: "It has waited longer than queueExpiration allows.",
    remedy: "See why no connector of the tenant took it. Send it again, if it is still wanted.",
  },
  refused: {
    meaning: "It cannot be delivered as it is, so it was not tried any longer.",
    remedy: "The last error says what is wrong. Send it again once the connector or its target would take it.",
  },
} as const;

const SOURCES = {
  queue: "/queue: its client was answered as soon as it was stored.",
  relay: "/relay: its client waits for the answer, or has left.",
} as const;

const MODES = {
  disabled: "as soon as a connector has it",
  connectorReceived: "as soon as a connector has it",
  connectorFinished: "when its target has answered, with whatever status",
  manual: "when its target calls the acknowledge URL",
} as const;

interface StoredRequestOptions {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly stored: StoredRequest;
  /** The address of its list. */
  readonly base: string;
}

/** Answers with the page. */
export async function showStoredRequest(
  context: WebContext,
  { parts, tenant, stored, base }: StoredRequestOptions,
): Promise<Response> {
  const request = toStoredRequestDetails(stored);
  const nowMs = parts.now();
  return await showTenantPage(
    context,
    {
      parts,
      tenant,
      tab: "/queue",
      title: "Stored request",
      assets: ["recordings.css"],
      actions: may(context, "writer") ? <Actions request={request} base={base} /> : undefined,
    },
    <>
      <h2 class="wrap">{`${request.method} ${request.target}${request.path}`}</h2>
      {request.reason !== null && (
        <Notice kind="bad" title={`Given up: ${request.reason}`}>
          <p>{REASONS[request.reason].meaning}</p>
          <p>{REASONS[request.reason].remedy}</p>
        </Notice>
      )}
      {request.lastError !== null && <LastError text={request.lastError} />}
      <div class="columns">
        <Card title="Details">
          <Details request={request} nowMs={nowMs} />
        </Card>
        <Headers headers={request.headers} />
      </div>
      <p>
        <a href={base}>{request.state === "dead" ? "All dead letters" : "All waiting requests"}</a> ·{" "}
        <a href={`/requests/${request.id}`}>Look for it in the request log</a> ·{" "}
        <a href={tenantPath(tenant.name)}>Who is connected</a>
      </p>
    </>,
  );
}

const Actions: FC<{ request: StoredRequestDetails; base: string }> = ({ request, base }) => (
  <>
    {request.state === "dead" && (
      <Confirm
        isHarmless
        label="Send again"
        question="Send again to its target?"
        action={`${base}/${request.id}/resend`}
        button="Send again"
      >
        <ul>
          <li>It waits in the queue as if it were new: its attempts and its expiration begin anew.</li>
          <li>The target may have seen it before: it can tell by the request id, which stays.</li>
        </ul>
      </Confirm>
    )}
    <Confirm
      label="Delete"
      question="Delete this request?"
      action={`${base}/${request.id}/remove`}
      button="Delete request"
    >
      <ul>
        {request.state === "delivering" && <li>It is being delivered, and may reach its target all the same.</li>}
        {request.state === "waiting" && <li>It will not be delivered.</li>}
        <li>{`Its body of ${bytes(request.bodyBytes)} is gone. This cannot be undone.`}</li>
      </ul>
    </Confirm>
  </>
);

/** `CODE: message`, with what is known of the code. */
const LastError: FC<{ text: string }> = ({ text }) => {
  const explanation = ERROR_TEXTS[text.slice(0, Math.max(0, text.indexOf(":")))];
  return (
    <Notice kind="warn" title="The last attempt failed">
      <p class="wrap">{text}</p>
      {explanation !== undefined && <p>{`${explanation.meaning} ${explanation.remedy}`}</p>}
    </Notice>
  );
};

const Details: FC<{ request: StoredRequestDetails; nowMs: number }> = ({ request, nowMs }) => (
  <dl class="facts">
    <Fact name="State">
      <DeliveryPill request={request} nowMs={nowMs} />
    </Fact>
    <Fact name="Target">{request.target}</Fact>
    <Fact name="Method">{request.method}</Fact>
    <Fact name="Path">{request.path === "" ? "–" : request.path}</Fact>
    <Fact name="Body">{bytes(request.bodyBytes)}</Fact>
    <Fact name="Created">
      <Time at={Date.parse(request.created)} />
    </Fact>
    <Fact name="Expires">
      {request.state === "dead"
        ? "Not as a dead letter: it stays until somebody deletes it"
        : <Time at={Date.parse(request.expires)} nowMs={nowMs} />}
    </Fact>
    <Fact name="Attempts">{count(request.attempts)}</Fact>
    {request.nextAttempt !== null && (
      <Fact name="Next attempt">
        {Date.parse(request.nextAttempt) <= nowMs
          ? "As soon as a connection takes it"
          : <Time at={Date.parse(request.nextAttempt)} nowMs={nowMs} />}
      </Fact>
    )}
    {request.originId !== null && <Fact name="Delivered by">{`server ${request.originId.slice(0, 8)}`}</Fact>}
    <Fact name="Came in by">{SOURCES[request.source]}</Fact>
    <Fact name="Settled">{`${MODES[request.acknowledgeMode]} (${request.acknowledgeMode})`}</Fact>
    <Fact name="Request id">{request.id}</Fact>
  </dl>
);

const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);

const Headers: FC<{ headers: StoredRequestDetails["headers"] }> = ({ headers }) => (
  <Card title="Headers" wide>
    <TableBox label="Headers">
      <table class="header-lines">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Value</th>
          </tr>
        </thead>
        <tbody>
          {headers.map(({ name, value }) => (
            <tr>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  </Card>
);
