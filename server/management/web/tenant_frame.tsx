/**
 * What all pages of one tenant have in common. Another page of a tenant is one more line in {@link TENANT_TABS}.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Role, Tenant } from "../../persistence/mod.ts";
import type { AssetName } from "./assets.ts";
import { may, type WebContext, type WebParts } from "./environment.ts";
import { showPage } from "./layout.tsx";
import { Pill, PresencePill } from "./parts/blocks.tsx";

/** The pages of a tenant: what follows its address, their words, and who may see them. */
export const TENANT_TABS = [
  { path: "", label: "Overview", role: "reader" },
  { path: "/requests", label: "Requests", role: "reader" },
  { path: "/queue", label: "Queue", role: "reader" },
  { path: "/recordings", label: "Recordings", role: "reader" },
  { path: "/try", label: "Try it", role: "writer" },
  { path: "/settings", label: "Settings", role: "writer" },
  { path: "/access", label: "Access policy", role: "writer" },
  { path: "/secrets", label: "Secrets", role: "reader" },
] as const satisfies readonly { readonly path: string; readonly label: string; readonly role: Role }[];

/** The path of a page of a tenant. */
export type TenantTab = typeof TENANT_TABS[number]["path"];

/** A page of a tenant. */
export interface TenantPageOptions {
  readonly parts: WebParts;
  readonly tenant: Tenant;
  /** Which of the pages; none when it is one of its own. */
  readonly tab?: TenantTab;
  readonly title: string;
  readonly assets?: readonly AssetName[];
  readonly types?: readonly string[];
  readonly status?: ContentfulStatusCode;
  readonly actions?: Child;
}

/** The address of a tenant. */
export function tenantPath(name: string): string {
  return `/tenants/${encodeURIComponent(name)}`;
}

/** Answers with a page of a tenant. */
export function showTenantPage(context: WebContext, options: TenantPageOptions, content: Child): Promise<Response> {
  const { parts, tenant, title, assets = [], types = [], status = 200 } = options;
  const live = { types: ["tenantOnline", "tenantOffline", ...types], tenant: tenant.name };
  return showPage(
    context,
    { title: `${title} · ${tenant.name}`, place: "/tenants", assets, live, status },
    <>
      <div class="heading">
        <div>
          <p class="crumb">
            <a href="/tenants">Tenants</a>
          </p>
          <div class="title-line">
            <h1>{tenant.name}</h1>
            {tenant.enabled
              ? <PresencePill tenantId={tenant.id} connections={parts.connections.count(tenant.id)} />
              : <Pill kind="bad">Disabled</Pill>}
          </div>
          {tenant.displayName !== null && <p class="muted wrap">{tenant.displayName}</p>}
        </div>
        {options.actions !== undefined && <div class="actions">{options.actions}</div>}
      </div>
      <Tabs context={context} tenant={tenant} tab={options.tab} />
      {content}
    </>,
  );
}

const Tabs: FC<{ context: WebContext; tenant: Tenant; tab: TenantTab | undefined }> = ({ context, tenant, tab }) => (
  <nav class="tabs" aria-label={`Pages of ${tenant.name}`}>
    <ul>
      {TENANT_TABS.filter(({ role }) =>
        may(context, role)
      ).map(({ path, label }) => (
        <li>
          <a href={tenantPath(tenant.name) + path} aria-current={path === tab ? "page" : undefined}>{label}</a>
        </li>
      ))}
    </ul>
  </nav>
);
