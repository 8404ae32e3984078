/**
 * A recorded request: what was sent both ways, and sending it again.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import type { MessageName } from "../../recordings/body_download.ts";
import { type RecordedRequestDocument, toRecordedRequest } from "../../recordings/recording_document.ts";
import type { RecordingKey } from "../../recordings/recording_service.ts";
import { requestChangesSchema } from "../../recordings/sent_request.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, type FormState, type FormValues, freshForm, readForm } from "../form.ts";
import { milliseconds } from "../format.ts";
import { Card, Notice, StatusPill, Time } from "../parts/blocks.tsx";
import { Faults } from "../parts/fields.tsx";
import { LONGEST_SHOWN, Message } from "../parts/message.tsx";
import { REQUEST_LABELS, toHeaderText, toRequestInput } from "../parts/request_form.ts";
import { ComparisonCard, SentAnswer } from "../parts/sent_answer.tsx";
import { idOf } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";
import { RequestFields } from "./try_it.tsx";

const NOT_SENT =
  /^(?:host|content-length|connection|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*|relayserver-.*)$/i;

interface RequestPage {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly recordingId: string;
  readonly request: RecordedRequestDocument;
  readonly form: FormState;
}

/** Adds the pages. */
export function addRecordedRequestPages(web: Web, parts: WebParts): void {
  const { tenants, recordings, tries, credentials } = parts;
  const path = "/tenants/:name/recordings/:id/requests/:requestId";
  const read = async (key: RecordingKey, requestId: string) => {
    const tenant = await tenants.get(key.tenantName);
    const request = toRecordedRequest(await recordings.getRequest(key, requestId));
    return { parts, tenant, recordingId: key.id, request };
  };
  web.get(path, allow("writer", credentials), async (context) => {
    const name = context.req.param("name");
    const [id, requestId] = [idOf(context), idOf(context, "requestId")];
    const page = await read({ tenantName: name, id }, requestId);
    return await showRequest(context, { ...page, form: freshForm(valuesOf(page.request)) });
  });
  web.post(`${path}/replay`, allow("writer", credentials), async (context) => {
    const name = context.req.param("name");
    const [id, requestId] = [idOf(context), idOf(context, "requestId")];
    const key = { tenantName: name, id };
    const page = await read(key, requestId);
    const values = await readForm(context);
    try {
      const changes = parseInput(requestChangesSchema, changesOf(values));
      const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
      const replay = await tries.replay({ key, requestId, changes, ...sending });
      return await showReplay(context, { ...page, form: freshForm(values) }, replay);
    } catch (error) {
      return await showRequest(context, { ...page, form: faultyForm(error, values) });
    }
  });
}

/** The body is left as it was recorded unless it can be shown whole as text, where somebody may have changed it. */
function changesOf(values: FormValues) {
  const { body, ...changes } = toRequestInput(values);
  return values["keep-body"] === "yes" ? changes : { ...changes, body };
}

function valuesOf(request: RecordedRequestDocument): FormValues {
  const { clientRequest: { method, headers, body }, maskedHeaders, target, path } = request;
  const sent = headers.filter(({ name }) => !NOT_SENT.test(name) && !maskedHeaders.includes(name.toLowerCase()));
  const isText = body !== null && body.encoding === "text" && body.decodedFrom === null;
  const content = isText && body.content.length <= LONGEST_SHOWN ? body.content : "";
  return { method, target, path, headers: toHeaderText(sent), body: content, encoding: "text", "keep-body": "yes" };
}

function showRequest(context: WebContext, page: RequestPage): Promise<Response> {
  const { request, form } = page;
  const { startedAt, base } = { startedAt: Date.parse(request.started), base: baseOf(page) };
  return show(
    context,
    page,
    <>
      <Card title={`${request.method} ${request.target}${request.path}`}>
        <dl class="facts">
          <div>
            <dt>Status</dt>
            <dd>
              <StatusPill status={request.status} outcome={request.outcome} /> {request.errorCode}
            </dd>
          </div>
          <div>
            <dt>Time</dt>
            <dd>
              <Time at={startedAt} />, {milliseconds(request.durationMs)}
            </dd>
          </div>
          <div>
            <dt>Client</dt>
            <dd class="wrap">{request.clientAddress}</dd>
          </div>
          <div>
            <dt>Request</dt>
            <dd class="mono wrap">
              <a href={`/requests/${request.requestId}`}>{request.requestId}</a>
            </dd>
          </div>
        </dl>
        {request.maskedHeaders.length > 0 && (
          <p class="muted wrap">{`Not recorded: the values of ${request.maskedHeaders.join(", ")}.`}</p>
        )}
        <div class="actions">
          <a class="button" href={`/management${base}/curl`} download={`${request.requestId}.sh`}>As a curl command</a>
          <a class="button" href="#replay">Send it again</a>
        </div>
      </Card>
      <Messages request={request} base={base} />
      <ReplayCard request={request} base={base} form={form} />
    </>,
  );
}

const Messages: FC<{ request: RecordedRequestDocument; base: string }> = ({ request, base }) => {
  const { clientRequest, targetRequest, targetResponse, clientResponse } = request;
  const download = (name: MessageName) => `/management${base}/bodies/${name}`;
  return (
    <div class="messages">
      <RequestMessage title="Request of the client" id="client-request" message={clientRequest} download={download} />
      <RequestMessage title="Request to the target" id="target-request" message={targetRequest} download={download} />
      <ResponseMessage
        title="Response of the target"
        id="target-response"
        message={targetResponse}
        download={download}
      />
      <ResponseMessage
        title="Response to the client"
        id="client-response"
        message={clientResponse}
        download={download}
      />
    </div>
  );
};

interface MessageOptions<M> {
  readonly title: string;
  readonly id: MessageName;
  readonly message: M;
  readonly download: (name: MessageName) => string;
}

const RequestMessage: FC<MessageOptions<RecordedRequestDocument["targetRequest"]>> = (
  { title, id, message, download },
) => {
  if (message === null) return <Missing title={title} id={id} />;
  const { method, path, headers, body } = message;
  return <Message message={{ title, id, line: `${method} ${path}`, headers, body, download: download(id) }} />;
};

const ResponseMessage: FC<MessageOptions<RecordedRequestDocument["targetResponse"]>> = (
  { title, id, message, download },
) => {
  if (message === null) return <Missing title={title} id={id} />;
  const { status, headers, body } = message;
  return <Message message={{ title, id, line: `HTTP ${status}`, headers, body, download: download(id) }} />;
};

const Missing: FC<{ title: string; id: string }> = ({ title, id }) => (
  <Card title={title} id={id}>
    <p class="muted">There was none.</p>
  </Card>
);

const ReplayCard: FC<{ request: RecordedRequestDocument; base: string; form: FormState }> = (
  { request, base, form },
) => (
  <Card title="Send it again" id="replay">
    <p class="muted">
      As a new request, past the tenant's authentication and access policy; the audit says who has sent it.
      {request.maskedHeaders.length > 0 && " Headers that were masked are missing: add them if they are needed."}
    </p>
    <Faults form={form} labels={REQUEST_LABELS} />
    <form method="post" action={`${base}/replay#content`} class="form">
      {request.clientRequest.body !== null && (
        <p class="check">
          <input
            type="checkbox"
            id="keep-body"
            name="keep-body"
            value="yes"
            checked={form.values["keep-body"] === "yes"}
          />
          <label for="keep-body">Send the body as it was recorded, not what stands below</label>
        </p>
      )}
      <RequestFields form={form} />
      <div class="actions">
        <button type="submit" class="primary">Send</button>
      </div>
    </form>
  </Card>
);

function showReplay(
  context: WebContext,
  page: RequestPage,
  { answer, comparison }: Awaited<ReturnType<WebParts["tries"]["replay"]>>,
): Promise<Response> {
  const { request, form } = page;
  const base = baseOf(page);
  return show(
    context,
    page,
    <>
      <p>
        <a href={base}>Back to what was recorded</a>
      </p>
      {comparison === null
        ? (
          <Notice kind="warn">
            <p>There is nothing to compare with: the client had left before it got an answer.</p>
          </Notice>
        )
        : (
          <ComparisonCard
            comparison={comparison}
            recordedStatus={request.status}
            replayedStatus={answer.response.status}
          />
        )}
      <SentAnswer answer={answer} />
      <ReplayCard request={request} base={base} form={form} />
    </>,
  );
}

function baseOf({ tenant, recordingId, request }: RequestPage): string {
  return `${tenantPath(tenant.name)}/recordings/${recordingId}/requests/${request.id}`;
}

function show(
  context: WebContext,
  page: RequestPage,
  content: Parameters<typeof showTenantPage>[2],
): Promise<Response> {
  const { parts, tenant, form, recordingId } = page;
  const status = Object.keys(form.faults).length > 0 ? 400 : 200;
  return showTenantPage(
    context,
    { parts, tenant, tab: "/recordings", title: "Recorded request", status, assets: ["recordings.css"] },
    <>
      <p class="crumb">
        <a href={`${tenantPath(tenant.name)}/recordings/${recordingId}`}>To the recording</a>
      </p>
      {content}
    </>,
  );
}
