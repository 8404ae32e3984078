/**
 * The management API.
 *
 * @module
 */

import { OpenAPIHono } from "@hono/zod-openapi";
import { invalidInput } from "../input.ts";
import { ManagementError } from "../management_error.ts";
import { addApiKeyRoutes, type ApiKeyRoutesParts } from "./api_key_routes.ts";
import { addAuditRoutes, type AuditRoutesParts } from "./audit_routes.ts";
import { addConnectionRoutes, type ConnectionRoutesParts } from "./connection_routes.ts";
import { addDocsPages } from "./docs_pages.ts";
import type { Api, ApiEnvironment } from "./environment.ts";
import { addEventRoutes, type EventRoutesParts } from "./event_routes.ts";
import { addOriginRoutes, type OriginRoutesParts } from "./origin_routes.ts";
import { answerProblem, toManagementError } from "./problem.ts";
import { addQueueRoutes, type QueueRoutesParts } from "./queue_routes.ts";
import { addRecordedRequestRoutes, type RecordedRequestRoutesParts } from "./recorded_request_routes.ts";
import { addRecordingRoutes, type RecordingRoutesParts } from "./recording_routes.ts";
import { addRequestRoutes, type RequestRoutesParts } from "./request_routes.ts";
import { addSecretRoutes, type SecretRoutesParts } from "./secret_routes.ts";
import { addSessionRoutes, type SessionRoutesParts } from "./session_routes.ts";
import { addStatisticsRoutes, type StatisticsRoutesParts } from "./statistics_routes.ts";
import { addStatusRoutes, type StatusRoutesParts } from "./status_routes.ts";
import { addTenantRoutes, type TenantRoutesParts } from "./tenant_routes.ts";
import { addTryRoutes, type TryRoutesParts } from "./try_routes.ts";
import { addUserRoutes, type UserRoutesParts } from "./user_routes.ts";

const PARTS = {
  json: "body",
  form: "body",
  query: "query",
  param: "path",
  header: "header",
  cookie: "header",
} as const;

/** What the API works with. */
export interface ManagementApiParts
  extends
    TenantRoutesParts,
    SecretRoutesParts,
    ConnectionRoutesParts,
    QueueRoutesParts,
    RequestRoutesParts,
    RecordingRoutesParts,
    RecordedRequestRoutesParts,
    TryRoutesParts,
    StatisticsRoutesParts,
    StatusRoutesParts,
    OriginRoutesParts,
    AuditRoutesParts,
    EventRoutesParts,
    UserRoutesParts,
    ApiKeyRoutesParts,
    SessionRoutesParts {
  readonly tenants: TenantRoutesParts["tenants"];
  readonly connections: ConnectionRoutesParts["connections"];
}

/**
 * Makes the API.
 *
 * @returns An application to be mounted at the root of the management listener; it answers everything below `/management`.
 */
export function createManagementApi(parts: ManagementApiParts): Api {
  const api: Api = new OpenAPIHono<ApiEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error, PARTS[result.target]);
    },
  });
  api.onError((error) => answerProblem(toManagementError(error)));
  api.use("/management/*", async (context, next) => {
    await next();
    context.header("X-Content-Type-Options", "nosniff");
    if (!context.res.headers.has("Cache-Control")) context.header("Cache-Control", "no-store");
  });
  addSessionRoutes(api, parts);
  addTenantRoutes(api, parts);
  addSecretRoutes(api, parts);
  addConnectionRoutes(api, parts);
  addQueueRoutes(api, parts);
  addRequestRoutes(api, parts);
  addRecordingRoutes(api, parts);
  addRecordedRequestRoutes(api, parts);
  addTryRoutes(api, parts);
  addStatisticsRoutes(api, parts);
  addStatusRoutes(api, parts);
  addOriginRoutes(api, parts);
  addAuditRoutes(api, parts);
  addEventRoutes(api, parts);
  addUserRoutes(api, parts);
  addApiKeyRoutes(api, parts);
  addDocsPages(api);
  addRefusals(api);
  return api;
}

/** After all routes: what is left is another method, or another address. */
function addRefusals(api: Api): void {
  const methods = Map.groupBy(api.routes.filter(({ method }) => method !== "ALL"), ({ path }) => path);
  for (const [path, routes] of methods) {
    const allowed = new Set(routes.map(({ method }) => method));
    if (allowed.has("GET")) allowed.add("HEAD");
    const allowedMethods = [...allowed].sort();
    api.all(path, () => {
      throw new ManagementError(
        "method_not_allowed",
        `This address takes ${allowedMethods.join(", ")} only`,
        {
          allowedMethods,
        },
      );
    });
  }
  for (const path of ["/management", "/management/*"]) {
    api.all(path, () => {
      throw new ManagementError("not_found", "There is nothing at this address");
    });
  }
}
