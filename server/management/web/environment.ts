/**
 * What the pages work in.
 *
 * @module
 */

import type { Context, Hono } from "hono";
import type { ListenerRequest } from "../../listener/listener.ts";
import type { AuditEntry, FindAuditOptions, Origin, Page, Role } from "../../persistence/mod.ts";
import type { ApiBasics, ApiEnvironment } from "../api/environment.ts";
import type { ApiKeyService } from "../api_key_service.ts";
import type { ConnectionService } from "../connection_service.ts";
import type { PingService } from "../recordings/ping_service.ts";
import type { RecordingService } from "../recordings/recording_service.ts";
import type { TryService } from "../recordings/try_service.ts";
import type { QueueService } from "../queue_service.ts";
import type { RequestLogService } from "../request_log_service.ts";
import { includesRole } from "../roles.ts";
import type { SecretService } from "../secret_service.ts";
import type { SessionService } from "../session_service.ts";
import type { SetupService } from "../setup_service.ts";
import type { StatisticsService } from "../statistics_service.ts";
import type { StatusService } from "../status_service.ts";
import type { TenantService } from "../tenant_service.ts";
import type { UserService } from "../user_service.ts";

/** The application that pages are added to. */
export type Web = Hono<ApiEnvironment>;

/** One request for a page. */
export type WebContext = Context<ApiEnvironment>;

/** What the pages work with: the services of the API, and what only a browser needs. */
export interface WebParts extends ApiBasics {
  readonly tenants: TenantService;
  readonly secrets: SecretService;
  readonly users: UserService;
  readonly apiKeys: ApiKeyService;
  readonly connections: ConnectionService;
  readonly queue: QueueService;
  readonly requests: RequestLogService;
  readonly statistics: StatisticsService;
  readonly recordings: RecordingService;
  readonly tries: TryService;
  readonly pings: PingService;
  readonly status: StatusService;
  readonly sessions: SessionService;
  readonly setup: SetupService;
  readonly origins: { list(): Promise<readonly Origin[]> };
  readonly audit: { find(options: FindAuditOptions): Promise<Page<AuditEntry>> };
  /** The base of the public listener for connectors. */
  readonly publicUrl: (request: ListenerRequest) => string;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Whether the one who asks may do what takes a role. Whatever is not allowed is not shown; the handlers refuse it as well. */
export function may(context: WebContext, role: Role): boolean {
  return includesRole(context.get("caller").principal.role, role);
}
