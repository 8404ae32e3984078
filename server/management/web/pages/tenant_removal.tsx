/**
 * The page that says what goes with a tenant, and removes it.
 *
 * @module
 */

import type { Tenant } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { ManagementError } from "../../management_error.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { type FormState, freshForm, readForm } from "../form.ts";
import { counted } from "../format.ts";
import { goTo } from "../guards.ts";
import { Card } from "../parts/blocks.tsx";
import { Faults, TextField } from "../parts/fields.tsx";
import { showTenantPage, tenantPath } from "../tenant_frame.tsx";

/** Adds the page. */
export function addTenantRemovalPage(web: Web, parts: WebParts): void {
  const { tenants, credentials } = parts;
  const writer = allow("writer", credentials);
  web.get("/tenants/:name/remove", writer, async (context) => {
    const tenant = await tenants.get(context.req.param("name"));
    return await showRemoval(context, { parts, tenant, form: freshForm() });
  });
  web.post("/tenants/:name/remove", writer, async (context) => {
    const values = await readForm(context);
    const tenant = await tenants.get(context.req.param("name"));
    if (values.repeated?.toLowerCase() !== tenant.name.toLowerCase()) {
      const form = { values, faults: { repeated: "Is not the name of the tenant" } };
      return await showRemoval(context, { parts, tenant, form });
    }
    try {
      await tenants.remove(tenant.name, {
        actor: actorOf(context, parts),
        discardQueued: values.discardQueued === "yes",
      });
    } catch (error) {
      if (!(error instanceof ManagementError) || error.code !== "queue_not_empty") throw error;
      const form = { values, faults: { discardQueued: "Requests have been stored for it since the page was made" } };
      return await showRemoval(context, { parts, tenant, form });
    }
    return goTo(context, "/tenants");
  });
}

interface RemovalOptions {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  readonly form: FormState;
}

async function showRemoval(
  context: WebContext,
  { parts, tenant, form }: RemovalOptions,
): Promise<Response> {
  const [connections, secrets, stored] = await Promise.all([
    parts.connections.list(tenant.name),
    parts.secrets.list(tenant.name),
    parts.queue.count(tenant.name),
  ]);
  const hasStored = stored.queued + stored.dead > 0;
  return await showTenantPage(
    context,
    { parts, tenant, title: "Delete", status: Object.keys(form.faults).length > 0 ? 400 : 200 },
    <Card title={`Delete ${tenant.name}?`}>
      <ul>
        <li>{counted(connections.length, "connection")} to this server will end; requests under way are cut off.</li>
        <li>{counted(secrets.length, "secret")} will be deleted and never work again.</li>
        {hasStored && (
          <li id="discardQueued">
            {`${counted(stored.queued, "queued request")} and ${counted(stored.dead, "dead letter")} `}
            will be deleted and never be delivered: <a href={`${tenantPath(tenant.name)}/queue`}>look at them</a>.
          </li>
        )}
        <li>Its settings and its access policy are gone. The audit keeps what they were.</li>
        <li>Its requests are answered with 404 tenant_unknown from now on.</li>
        <li>The request log and the statistics stay until they are too old.</li>
      </ul>
      <p class="strong">This cannot be undone. To keep it from working for a while, disable it instead.</p>
      <Faults form={form} labels={{ repeated: "Name of the tenant", discardQueued: "Queued requests" }} />
      <form method="post" action={`${tenantPath(tenant.name)}/remove`} class="form">
        {hasStored && <input type="hidden" name="discardQueued" value="yes" />}
        <TextField form={form} name="repeated" label="Name of the tenant" required help={`Enter ${tenant.name}.`} />
        <div class="actions">
          <button type="submit" class="danger solid">Delete tenant</button>
          <a class="button" href={tenantPath(tenant.name)}>Cancel</a>
        </div>
      </form>
    </Card>,
  );
}
