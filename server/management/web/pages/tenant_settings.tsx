/**
 * A tenant's settings and its access policy, with what they mean beside them.
 *
 * @module
 */

import type { Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import { ManagementError } from "../../management_error.ts";
import { tenantChangeSchema, toTenantDocument } from "../../tenant_document.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, type FormValues, freshForm, readForm } from "../form.ts";
import { goTo } from "../guards.ts";
import { Card, Notice } from "../parts/blocks.tsx";
import { Faults, SelectField, TextAreaField, TextField } from "../parts/fields.tsx";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

const YES_NO = [["false", "No"], ["true", "Yes"]] as const;
const DEFAULT_YES_NO = [["", "As the server is configured"], ["true", "Yes"], ["false", "No"]] as const;

const ACKNOWLEDGE_MODES = [
  ["", "As the server is configured"],
  ["disabled", "When it was handed to the connector (disabled)"],
  ["connectorReceived", "When the connector has all of it (connectorReceived)"],
  ["connectorFinished", "When the target has answered (connectorFinished)"],
  ["manual", "When the target calls an address (manual)"],
] as const;

const LABELS: Readonly<Record<string, string>> = {
  displayName: "Display name",
  description: "Description",
  requireAuthentication: "Clients must authenticate",
  requireActiveConnection: "Refuse at once when offline",
  maximumConcurrentConnectorRequests: "Requests at a time",
  keepAliveInterval: "Keep-alive interval",
  reconnectMinimumDelay: "Shortest delay",
  reconnectMaximumDelay: "Longest delay",
  acknowledgeMode: "A request is done",
  enableTracing: "Tracing headers",
  accessPolicy: "Access policy",
};

/** Adds the pages. */
export function addTenantSettingsPages(web: Web, parts: WebParts): void {
  const writer = allow("writer", parts.credentials);
  const pages = [["settings", settingValues, settingInput, showSettings], [
    "access",
    policyValues,
    policyInput,
    showPolicy,
  ]] as const;
  for (const [page, valuesOf, inputOf, show] of pages) {
    web.get(`/tenants/:name/${page}`, writer, async (context) => {
      const tenant = await parts.tenants.get(context.req.param("name"));
      return await show(context, { parts, tenant, form: freshForm(valuesOf(tenant)) });
    });
    web.post(`/tenants/:name/${page}`, writer, async (context) => {
      const tenant = await parts.tenants.get(context.req.param("name"));
      const values = await readForm(context);
      try {
        const input = parseInput(tenantChangeSchema, { ...toTenantDocument(tenant), ...inputOf(values) });
        await parts.tenants.update(tenant.name, {
          input,
          actor: actorOf(context, parts),
          versions: [Number(values.version)],
        });
      } catch (error) {
        // Only who has been told of another change may save over it.
        const isConflict = error instanceof ManagementError && error.code === "version_conflict";
        const form = faultyForm(error, isConflict ? { ...values, version: String(tenant.version) } : values);
        return await show(context, { parts, tenant, form });
      }
      return goTo(context, `${tenantPath(tenant.name)}/${page}?done=saved`);
    });
  }
}

interface FormPage {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly form: FormState;
}

function settingValues(tenant: Tenant): FormValues {
  const { connections: _, accessPolicy: _policy, ...document } = { connections: 0, ...toTenantDocument(tenant) };
  const texts = Object.entries(document).map(([name, value]) => [name, value === null ? "" : String(value)]);
  return { ...Object.fromEntries(texts), version: String(tenant.version) };
}

/** Texts as the API takes them. What is not filled in is the server's default. */
function settingInput(values: FormValues): Record<string, unknown> {
  const flag = (value: string | undefined) => value === "true" ? true : value === "false" ? false : null;
  const concurrent = filled(values.maximumConcurrentConnectorRequests);
  return {
    displayName: filled(values.displayName),
    description: filled(values.description),
    requireAuthentication: flag(values.requireAuthentication) ?? false,
    maximumConcurrentConnectorRequests: concurrent === null ? 0 : Number(concurrent),
    keepAliveInterval: filled(values.keepAliveInterval),
    reconnectMinimumDelay: filled(values.reconnectMinimumDelay),
    reconnectMaximumDelay: filled(values.reconnectMaximumDelay),
    acknowledgeMode: filled(values.acknowledgeMode),
    requireActiveConnection: flag(values.requireActiveConnection),
    enableTracing: flag(values.enableTracing),
  };
}

function policyValues({ accessPolicy, version }: Tenant): FormValues {
  return {
    accessPolicy: accessPolicy === null ? "" : JSON.stringify(accessPolicy, null, 2),
    version: String(version),
  };
}

function policyInput(values: FormValues): Record<string, unknown> {
  const text = filled(values.accessPolicy);
  if (text === null) return { accessPolicy: null };
  try {
    return { accessPolicy: JSON.parse(text) };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ManagementError("invalid_request", "Cannot read the access policy: it is no JSON", {
      cause,
      problems: [{ in: "body", path: "accessPolicy", message: `Is not JSON: ${message}` }],
    });
  }
}

function frame({ parts, tenant, form }: FormPage, tab: "/settings" | "/access") {
  const title = tab === "/settings" ? "Settings" : "Access policy";
  return { parts, tenant, tab, title, status: Object.keys(form.faults).length > 0 ? 400 as const : 200 as const };
}

function News({ context, form }: { context: WebContext; form: FormState }) {
  if (context.req.query("done") === "saved" && context.req.method === "GET") {
    return (
      <Notice kind="good">
        <p>Saved. Connectors at this server have been told already.</p>
      </Notice>
    );
  }
  return <Faults form={form} labels={LABELS} />;
}

function showSettings(context: WebContext, page: FormPage): Promise<Response> {
  const { tenant, form } = page;
  return showTenantPage(
    context,
    frame(page, "/settings"),
    <Card>
      <News context={context} form={form} />
      <form method="post" action={`${tenantPath(tenant.name)}/settings`} class="form">
        <input type="hidden" name="version" value={form.values.version} />
        <fieldset>
          <legend>Name</legend>
          <TextField form={form} name="displayName" label={LABELS.displayName!} help="For people, in lists." />
          <TextAreaField
            form={form}
            name="description"
            label={LABELS.description!}
            rows={3}
            help="Whom to call, where it is, what it is for."
          />
        </fieldset>
        <fieldset>
          <legend>Requests</legend>
          <SelectField
            form={form}
            name="requireAuthentication"
            label={LABELS.requireAuthentication!}
            options={YES_NO}
            help="Then a client needs a token of this tenant, got with a secret for clients. The access policy can ask for more."
          />
          <SelectField
            form={form}
            name="requireActiveConnection"
            label={LABELS.requireActiveConnection!}
            options={DEFAULT_YES_NO}
            help="Yes: without a connector clients get 503 at once. No: they wait until one comes, or their time is over."
          />
          <SelectField
            form={form}
            name="acknowledgeMode"
            label={LABELS.acknowledgeMode!}
            options={ACKNOWLEDGE_MODES}
            help="Until then it is delivered again when a connector or a server is lost. The later, the safer, and the likelier a target sees it twice."
          />
          <SelectField
            form={form}
            name="enableTracing"
            label={LABELS.enableTracing!}
            options={DEFAULT_YES_NO}
            help="Answers to clients tell which server and connector were on the way, and how long the target took."
          />
        </fieldset>
        <fieldset>
          <legend>Connectors</legend>
          <TextField
            form={form}
            name="maximumConcurrentConnectorRequests"
            label={LABELS.maximumConcurrentConnectorRequests!}
            type="number"
            narrow
            help="For each connection; more wait. 0 is the server's limit."
          />
          <TextField
            form={form}
            name="keepAliveInterval"
            label={LABELS.keepAliveInterval!}
            narrow
            placeholder="00:00:15"
            help="A connection that is silent for so long counts as lost. Shorter finds out sooner, and costs more. Empty: as the server is configured."
          />
          <div class="form-row">
            <TextField
              form={form}
              name="reconnectMinimumDelay"
              label={LABELS.reconnectMinimumDelay!}
              narrow
              placeholder="00:00:01"
              help="Before a connector that lost its connection tries again."
            />
            <TextField
              form={form}
              name="reconnectMaximumDelay"
              label={LABELS.reconnectMaximumDelay!}
              narrow
              placeholder="00:00:30"
              help="Delays grow up to this one."
            />
          </div>
        </fieldset>
        <div class="actions">
          <button type="submit" class="primary">Save</button>
        </div>
      </form>
    </Card>,
  );
}

const EXAMPLE = JSON.stringify(
  {
    default: "deny",
    rules: [
      { name: "office", effect: "allow", addresses: ["192.0.2.0/24"], methods: ["GET", "POST"] },
      { name: "orders", effect: "allow", targets: ["app"], pathPrefixes: ["/orders"], maxBodySize: "1MiB" },
    ],
    rateLimits: [{ requestsPerSecond: 50, burst: 100, per: "address" }],
  },
  null,
  2,
);

function showPolicy(context: WebContext, page: FormPage): Promise<Response> {
  const { tenant, form } = page;
  return showTenantPage(
    context,
    frame(page, "/access"),
    <div class="columns">
      <Card>
        <News context={context} form={form} />
        <form method="post" action={`${tenantPath(tenant.name)}/access`} class="form">
          <input type="hidden" name="version" value={form.values.version} />
          <TextAreaField
            form={form}
            name="accessPolicy"
            label={LABELS.accessPolicy!}
            rows={22}
            code
            help="JSON. Empty: every client may send every request, if need be with a token."
          />
          <div class="actions">
            <button type="submit" class="primary">Save</button>
          </div>
        </form>
      </Card>
      <Card title="What it can say">
        <dl class="facts">
          <dt>
            <code>default</code>
          </dt>
          <dd>
            <code>allow</code> or <code>deny</code>: what becomes of a request that no rule is for.
          </dd>
          <dt>
            <code>rules</code>
          </dt>
          <dd>
            The first rule decides whose conditions all hold: <code>callers</code>, <code>addresses</code>,{" "}
            <code>targets</code>, <code>methods</code>, <code>pathPrefixes</code>, <code>contentTypes</code>. Its{" "}
            <code>name</code> stands in the request log.
          </dd>
          <dt>
            <code>callers</code>
          </dt>
          <dd>
            Names for who can be told apart: clients by their secrets, tokens of other issuers by their claims, API
            keys.
          </dd>
          <dt>
            <code>maxBodySize</code>
          </dt>
          <dd>Largest body, of every request or of those that a rule allows.</dd>
          <dt>
            <code>rateLimits</code>
          </dt>
          <dd>
            Requests per second, for each <code>tenant</code>, <code>caller</code> or{" "}
            <code>address</code>. Beyond it is 429.
          </dd>
        </dl>
        <figure class="code">
          <figcaption>For example</figcaption>
          <pre tabindex={0} role="region" aria-label="Example of an access policy"><code>{EXAMPLE}</code></pre>
        </figure>
      </Card>
    </div>,
  );
}
