/**
 * Sends a request to a tenant's target, and pings connectors and targets.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import { type PingDocument, pingSchema } from "../../recordings/ping_service.ts";
import type { SentAnswerDocument } from "../../recordings/sent_answer.ts";
import { newRequestSchema } from "../../recordings/sent_request.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, readForm } from "../form.ts";
import { milliseconds } from "../format.ts";
import { Card, Empty, Pill } from "../parts/blocks.tsx";
import { Faults, SelectField, TextAreaField, TextField } from "../parts/fields.tsx";
import { REQUEST_LABELS, toRequestInput } from "../parts/request_form.ts";
import { SentAnswer } from "../parts/sent_answer.tsx";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

const FRESH = { method: "GET", path: "/", encoding: "text" };

interface TryPage {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly form: FormState;
  readonly answer?: SentAnswerDocument;
  readonly ping?: PingDocument;
}

/** Adds the pages. */
export function addTryPages(web: Web, parts: WebParts): void {
  const { tenants, tries, pings, credentials } = parts;
  const path = "/tenants/:name/try";
  web.get(path, allow("writer", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    const [target = ""] = knownTargets(await parts.connections.list(tenant.name));
    return await showTry(context, { parts, tenant, form: freshForm({ ...FRESH, target }) });
  });
  web.post(path, allow("writer", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    const values = await readForm(context);
    const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
    try {
      const input = parseInput(newRequestSchema, toRequestInput(values));
      const answer = await tries.send(tenant.name, { input, ...sending });
      return await showTry(context, { parts, tenant, form: freshForm(values), answer });
    } catch (error) {
      return await showTry(context, { parts, tenant, form: faultyForm(error, values) });
    }
  });
  web.post(`${path}/ping`, allow("writer", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    const values = await readForm(context);
    const sending = { actor: actorOf(context, parts), signal: context.req.raw.signal };
    const form = { ...FRESH, ...values };
    try {
      const input = parseInput(pingSchema, { target: filled(values.target) ?? undefined });
      const ping = await pings.ping(tenant.name, { input, ...sending });
      return await showTry(context, { parts, tenant, form: freshForm(form), ping });
    } catch (error) {
      return await showTry(context, { parts, tenant, form: faultyForm(error, form) });
    }
  });
}

function knownTargets(connections: readonly { readonly targets: readonly string[] }[]): string[] {
  return [...new Set(connections.flatMap(({ targets }) => targets))].filter((name) => name !== "*").sort();
}

function showTry(context: WebContext, { parts, tenant, form, answer, ping }: TryPage): Promise<Response> {
  const status = Object.keys(form.faults).length > 0 ? 400 : 200;
  return showTenantPage(
    context,
    { parts, tenant, tab: "/try", title: "Try it", status, assets: ["recordings.css"] },
    <>
      {answer !== undefined && <SentAnswer answer={answer} />}
      {ping !== undefined && <PingCard ping={ping} />}
      <Card title="Send a request">
        <p class="muted">
          It goes to the target as a new request, past the tenant's authentication and access policy. The audit says who
          has sent it.
        </p>
        <Faults form={form} labels={REQUEST_LABELS} />
        <form method="post" action={`${tenantPath(tenant.name)}/try`} class="form">
          <RequestFields form={form} />
          <div class="actions">
            <button type="submit" class="primary">Send</button>
            <button type="submit" formaction={`${tenantPath(tenant.name)}/try/ping`}>
              Ping connectors and target
            </button>
          </div>
        </form>
      </Card>
    </>,
  );
}

/** The fields of a request. */
export const RequestFields: FC<{ form: FormState }> = ({ form }) => (
  <>
    <div class="form-row">
      <TextField form={form} name="method" label={REQUEST_LABELS.method} narrow />
      <TextField form={form} name="target" label={REQUEST_LABELS.target} />
    </div>
    <TextField form={form} name="path" label={REQUEST_LABELS.path} />
    <TextAreaField
      form={form}
      name="headers"
      label={REQUEST_LABELS.headers}
      rows={4}
      code
      help="One in each line, name and value separated by a colon."
    />
    <TextAreaField form={form} name="body" label={REQUEST_LABELS.body} rows={6} code help="Empty: none." />
    <SelectField
      form={form}
      name="encoding"
      label="The body is"
      options={[["text", "Text, sent as UTF-8"], ["base64", "Bytes in base64"]]}
    />
  </>
);

const PingCard: FC<{ ping: PingDocument }> = ({ ping: { connections, target } }) => (
  <Card title="Ping">
    {connections.length === 0 && <Empty title="No connector">None is connected to this server.</Empty>}
    <dl class="facts">
      {connections.map(({ machineName, roundTripMs }) => (
        <div>
          <dt>Connector {machineName}</dt>
          <dd>
            {roundTripMs === null
              ? <Pill kind="bad">No answer</Pill>
              : <Pill kind="good">{milliseconds(roundTripMs)}</Pill>}
          </dd>
        </div>
      ))}
      {target !== null && (
        <div>
          <dt>Target</dt>
          <dd>
            {target.errorCode === null
              ? <Pill kind="good">{`Answered ${target.status} in ${milliseconds(target.totalMs)}`}</Pill>
              : <Pill kind="bad">{target.errorCode}</Pill>}
          </dd>
        </div>
      )}
    </dl>
  </Card>
);
