/**
 * The management web: pages for people, by the same services as the API.
 *
 * @module
 */

import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { getLogger } from "../../../shared/log/mod.ts";
import { statusOfProblem, toManagementError } from "../api/problem.ts";
import type { ApiEnvironment } from "../api/environment.ts";
import type { ManagementError } from "../management_error.ts";
import { addAssets } from "./assets.ts";
import type { Web, WebContext, WebParts } from "./environment.ts";
import { goTo, withPageHeaders } from "./guards.ts";
import { showBarePage } from "./layout.tsx";
import { addAccountPages } from "./pages/account.tsx";
import { addApiKeyPages } from "./pages/api_keys.tsx";
import { addAuditPage } from "./pages/audit.tsx";
import { addDashboard } from "./pages/dashboard.tsx";
import { addEventsPage } from "./pages/events.tsx";
import { addLoginPages } from "./pages/login.tsx";
import { addQueuePages } from "./pages/queue.tsx";
import { addRecordedRequestPages } from "./pages/recorded_request.tsx";
import { addRecordingPages } from "./pages/recordings.tsx";
import { addTryPages } from "./pages/try_it.tsx";
import { addRequestPages } from "./pages/requests.tsx";
import { addSecretPages } from "./pages/secrets.tsx";
import { addTenantListPages } from "./pages/tenant_list.tsx";
import { addTenantPage } from "./pages/tenant.tsx";
import { addTenantRemovalPage } from "./pages/tenant_removal.tsx";
import { addTenantSettingsPages } from "./pages/tenant_settings.tsx";
import { addUserPages } from "./pages/users.tsx";

export type { Web } from "./environment.ts";

const logger = getLogger("management");

/**
 * Makes the pages.
 *
 * @returns An application to be mounted at the root of the management listener, after all others: whatever they do not answer is a page that
 * does not exist.
 */
export function createWeb(parts: WebParts): Web {
  const web: Web = new Hono<ApiEnvironment>();
  web.onError((error, context) => showError(context, { error: toManagementError(error), parts }));
  web.use("*", withPageHeaders);
  addAssets(web);
  addLoginPages(web, parts);
  addAccountPages(web, parts);
  addDashboard(web, parts);
  addTenantListPages(web, parts);
  addTenantPage(web, parts);
  addTenantRemovalPage(web, parts);
  addTenantSettingsPages(web, parts);
  addSecretPages(web, parts);
  addRequestPages(web, parts);
  addQueuePages(web, parts);
  addRecordingPages(web, parts);
  addRecordedRequestPages(web, parts);
  addTryPages(web, parts);
  addEventsPage(web, parts);
  addAuditPage(web, parts);
  addUserPages(web, parts);
  addApiKeyPages(web, parts);
  web.all("*", (context) =>
    showFailure(context, {
      status: 404,
      title: "There is no such page",
      message: "The address is wrong, or what was here is gone.",
    }));
  return web;
}

const TITLES: Partial<Record<ManagementError["code"], string>> = {
  access_denied: "This is not allowed",
  tenant_unknown: "There is no such tenant",
  not_found: "There is no such thing any more",
  database_unavailable: "The database cannot be reached",
  internal_error: "The server failed to answer",
};

async function showError(
  context: WebContext,
  { error, parts }: { readonly error: ManagementError; readonly parts: WebParts },
): Promise<Response> {
  const { method, path, url } = context.req;
  if (error.code === "authentication_required") {
    if (await parts.setup.isOpen()) return goTo(context, "/setup");
    const wanted = method === "GET" && path !== "/" ? `?to=${encodeURIComponent(path + new URL(url).search)}` : "";
    return goTo(context, `/login${wanted}`);
  }
  if (error.code === "internal_error") logger.error("The page {path} failed: {error}", { path, error: error.cause });
  const message = error.problems.length === 0
    ? error.message
    : `${error.message}: ${error.problems.map(({ path, message }) => `${path}: ${message}`).join("; ")}`;
  const title = TITLES[error.code] ?? "This did not work";
  return await showFailure(context, { status: statusOfProblem(error.code), title, message });
}

function showFailure(
  context: WebContext,
  { status, title, message }: { readonly status: number; readonly title: string; readonly message: string },
): Promise<Response> {
  return showBarePage(
    context,
    { title, status: status as ContentfulStatusCode },
    <div class="card">
      <p class="muted">{status}</p>
      <h1>{title}</h1>
      <p class="wrap">{message}</p>
      <p>
        <a class="button" href="/">To the dashboard</a>
      </p>
    </div>,
  );
}
