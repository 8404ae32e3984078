/**
 * A tenant's secrets.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { Secret, Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import { newSecretSchema } from "../../secret_service.ts";
import { may, type Web, type WebContext, type WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, readForm, utcTime } from "../form.ts";
import { goTo } from "../guards.ts";
import { Card, Confirm, Copyable, Empty, Notice, Pill, TableBox, Time } from "../parts/blocks.tsx";
import { ConnectorInstructions } from "../parts/connector_instructions.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { idOf } from "../query.ts";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

const USES = [["connector", "Connector"], ["client", "Client"]] as const;
const SOON_MS = 14 * 86_400_000;

/** Adds the pages. */
export function addSecretPages(web: Web, parts: WebParts): void {
  const { tenants, secrets, credentials } = parts;
  const path = "/tenants/:name/secrets";
  web.get(path, allow("reader", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    return await showSecrets(context, { parts, tenant, form: freshForm() });
  });
  web.post(path, allow("writer", credentials), async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    const values = await readForm(context);
    try {
      const input = parseInput(newSecretSchema, {
        use: filled(values.use) ?? undefined,
        expiration: utcTime(values.expiration),
      });
      const { value } = await secrets.create(tenant.name, { input, actor: actorOf(context, parts) });
      return await showNewSecret(context, { parts, tenant, use: input.use, value });
    } catch (error) {
      return await showSecrets(context, { parts, tenant, form: faultyForm(error, values) });
    }
  });
  web.post(`${path}/:id/remove`, allow("writer", credentials), async (context) => {
    const name = context.req.param("name");
    const id = idOf(context);
    await secrets.remove(name, { id, actor: actorOf(context, parts) });
    return goTo(context, `${tenantPath(name)}/secrets?done=removed`);
  });
}

interface SecretsPage {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly form: FormState;
}

async function showSecrets(context: WebContext, { parts, tenant, form }: SecretsPage): Promise<Response> {
  const secrets = await parts.secrets.list(tenant.name);
  const canWrite = may(context, "writer");
  const nowMs = parts.now();
  return await showTenantPage(
    context,
    { parts, tenant, tab: "/secrets", title: "Secrets", status: Object.keys(form.faults).length > 0 ? 400 : 200 },
    <>
      {context.req.query("done") === "removed" && context.req.method === "GET" && (
        <Notice kind="good">
          <p>The secret is deleted. Connections that used it have ended.</p>
        </Notice>
      )}
      <Card title="Secrets" wide>
        {secrets.length === 0
          ? <Empty title="No secrets">Without one no connector can connect.</Empty>
          : (
            <TableBox label="Secrets">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Secret</th>
                    <th scope="col">For</th>
                    <th scope="col">Made</th>
                    <th scope="col">Valid</th>
                    <th scope="col">Last used</th>
                    {canWrite && (
                      <th scope="col">
                        <span class="hidden">What can be done</span>
                      </th>
                    )}
                  </tr>
                </thead>
                <tbody>
                  {secrets.map((secret) => (
                    <SecretRow secret={secret} tenant={tenant} nowMs={nowMs} canWrite={canWrite} />
                  ))}
                </tbody>
              </table>
            </TableBox>
          )}
      </Card>
      {canWrite && (
        <Card title="New secret">
          <p class="muted">
            To change a secret without an interruption make a second one, give it to the connector, and delete the
            first.
          </p>
          <Faults form={form} labels={{ use: "For", expiration: "Valid until" }} />
          <form method="post" action={`${tenantPath(tenant.name)}/secrets`} class="form">
            <div class="form-row">
              <SelectField
                form={form}
                name="use"
                label="For"
                options={USES}
                help="A connector of this tenant, or a client that sends requests to it."
              />
              <TextField
                form={form}
                name="expiration"
                label="Valid until (UTC)"
                type="datetime-local"
                help="Empty: until it is deleted."
              />
            </div>
            <div class="actions">
              <button type="submit" class="primary">Make secret</button>
            </div>
          </form>
        </Card>
      )}
    </>,
  );
}

const SecretRow: FC<{ secret: Secret; tenant: Tenant; nowMs: number; canWrite: boolean }> = (
  { secret, tenant, nowMs, canWrite },
) => {
  const { id, use, createdAt, expiresAt, lastUsedAt } = secret;
  return (
    <tr>
      <td class="mono" title={id}>{id.slice(0, 8)}</td>
      <td>{use === "connector" ? "Connector" : "Client"}</td>
      <td>
        <Time at={createdAt} nowMs={nowMs} />
      </td>
      <td>
        <Validity expiresAt={expiresAt} nowMs={nowMs} />
      </td>
      <td>{lastUsedAt === null ? <span class="muted">Never</span> : <Time at={lastUsedAt} nowMs={nowMs} />}</td>
      {canWrite && (
        <td class="actions-cell">
          <Confirm
            label="Delete"
            question={`Delete secret ${id.slice(0, 8)}?`}
            action={`${tenantPath(tenant.name)}/secrets/${id}/remove`}
            button="Delete secret"
          >
            <p>
              {use === "connector"
                ? "Connections that use it end at once, and no connector can connect with it again."
                : "Clients get no more tokens with it, and those they have do not count any more."}
            </p>
          </Confirm>
        </td>
      )}
    </tr>
  );
};

/** Until when something is valid. */
export const Validity: FC<{ expiresAt: number | null; nowMs: number }> = ({ expiresAt, nowMs }) => {
  if (expiresAt === null) return <span class="muted">Until deleted</span>;
  if (expiresAt <= nowMs) return <Pill kind="bad">Expired</Pill>;
  const time = <Time at={expiresAt} nowMs={nowMs} />;
  return expiresAt - nowMs < SOON_MS ? <Pill kind="warn">ends {time}</Pill> : <>ends {time}</>;
};

function showNewSecret(
  context: WebContext,
  { parts, tenant, use, value }: {
    readonly parts: WebParts;
    readonly tenant: Tenant;
    readonly use: string;
    readonly value: string;
  },
): Promise<Response> {
  const baseUrl = parts.publicUrl(context.env.incoming);
  return showTenantPage(
    context,
    { parts, tenant, tab: "/secrets", title: "New secret" },
    <>
      {use === "connector"
        ? <ConnectorInstructions baseUrl={baseUrl} tenant={tenant.name} secret={value} />
        : (
          <Card title="New secret for clients">
            <Notice kind="warn" title="The secret is shown only now">
              <p>Only its hash is kept. If it gets lost, make another one and delete this one.</p>
            </Notice>
            <Copyable id="secret" label="Secret" text={value} />
            <Copyable
              id="command"
              label="Get a token with it"
              text={`curl -sS -u '${tenant.name}:${value}' -d grant_type=client_credentials ${baseUrl}/connect/token`}
            />
          </Card>
        )}
      <p>
        <a class="button" href={`${tenantPath(tenant.name)}/secrets`}>To all secrets</a>
      </p>
    </>,
  );
}
