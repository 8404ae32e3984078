/**
 * What the management API answers with, by route. The types are the product's own, so that a test cannot read a field that the product does
 * not write.
 *
 * @module
 */

import type { ApiKeyDocument } from "../../server/management/api_key_service.ts";
import type { CreatedApiKeyDocument } from "../../server/management/api/api_key_routes.ts";
import type { AuditEntryDocument } from "../../server/management/api/audit_routes.ts";
import type { OriginDocument } from "../../server/management/api/origin_routes.ts";
import type { PageDocument } from "../../server/management/api/paging.ts";
import type { RemovalDocument } from "../../server/management/api/queue_routes.ts";
import type { RecordedPlacesDocument, RequestPageDocument } from "../../server/management/api/request_routes.ts";
import type { CreatedSecretDocument } from "../../server/management/api/secret_routes.ts";
import type { PrincipalDocument, SessionDocument } from "../../server/management/api/session_routes.ts";
import type { TargetListDocument } from "../../server/management/api/statistics_routes.ts";
import type { ShownTenantDocument } from "../../server/management/api/tenant_routes.ts";
import type { ConnectionDocument } from "../../server/management/connection_service.ts";
import type { StoredRequestDetails, StoredRequestDocument } from "../../server/management/queue_service.ts";
import type { PingDocument } from "../../server/management/recordings/ping_service.ts";
import type {
  RecordedRequestDocument,
  RecordedSummaryDocument,
  RecordingDocument,
} from "../../server/management/recordings/recording_document.ts";
import type { SentAnswerDocument } from "../../server/management/recordings/sent_answer.ts";
import type { ReplayDocument } from "../../server/management/recordings/try_service.ts";
import type { RequestDocument } from "../../server/management/request_log_service.ts";
import type { SecretDocument } from "../../server/management/secret_service.ts";
import type { StatisticsDocument } from "../../server/management/statistics_service.ts";
import type { StatusDocument } from "../../server/management/status_service.ts";
import type { UserDocument } from "../../server/management/user_service.ts";

/** The documents of all routes that answer with one. */
export interface Documents {
  "POST /management/session": SessionDocument;
  "GET /management/session": PrincipalDocument;
  "GET /management/tenants": PageDocument<ShownTenantDocument>;
  "POST /management/tenants": ShownTenantDocument;
  "GET /management/tenants/{name}": ShownTenantDocument;
  "PUT /management/tenants/{name}": ShownTenantDocument;
  "GET /management/tenants/{name}/secrets": PageDocument<SecretDocument>;
  "POST /management/tenants/{name}/secrets": CreatedSecretDocument;
  "GET /management/tenants/{name}/connections": PageDocument<ConnectionDocument>;
  "GET /management/tenants/{name}/queue": PageDocument<StoredRequestDocument>;
  "DELETE /management/tenants/{name}/queue": RemovalDocument;
  "GET /management/tenants/{name}/queue/{id}": StoredRequestDetails;
  "GET /management/tenants/{name}/dead-letters": PageDocument<StoredRequestDocument>;
  "DELETE /management/tenants/{name}/dead-letters": RemovalDocument;
  "GET /management/tenants/{name}/dead-letters/{id}": StoredRequestDetails;
  "GET /management/tenants/{name}/requests": RequestPageDocument;
  "GET /management/tenants/{name}/statistics": StatisticsDocument;
  "GET /management/tenants/{name}/recordings": PageDocument<RecordingDocument>;
  "POST /management/tenants/{name}/recordings": RecordingDocument;
  "GET /management/tenants/{name}/recordings/{id}": RecordingDocument;
  "POST /management/tenants/{name}/recordings/{id}/stop": RecordingDocument;
  "GET /management/tenants/{name}/recordings/{id}/requests": PageDocument<RecordedSummaryDocument>;
  "GET /management/tenants/{name}/recordings/{id}/requests/{requestId}": RecordedRequestDocument;
  "POST /management/tenants/{name}/recordings/{id}/requests/{requestId}/replay": ReplayDocument;
  "POST /management/tenants/{name}/try": SentAnswerDocument;
  "POST /management/tenants/{name}/ping": PingDocument;
  "GET /management/requests": RequestPageDocument;
  "GET /management/requests/{id}": RequestDocument;
  "GET /management/requests/{id}/recordings": RecordedPlacesDocument;
  "GET /management/statistics": StatisticsDocument;
  "GET /management/statistics/targets": TargetListDocument;
  "GET /management/status": StatusDocument;
  "GET /management/origins": PageDocument<OriginDocument>;
  "GET /management/audit": PageDocument<AuditEntryDocument>;
  "GET /management/users": PageDocument<UserDocument>;
  "POST /management/users": UserDocument;
  "GET /management/users/{id}": UserDocument;
  "PUT /management/users/{id}": UserDocument;
  "GET /management/api-keys": PageDocument<ApiKeyDocument>;
  "POST /management/api-keys": CreatedApiKeyDocument;
  "GET /management/api-keys/{id}": ApiKeyDocument;
}

/**
 * What a call is answered with: for `GET /management/tenants/acme?x=1` the document of `GET /management/tenants/{name}`. It is `unknown` for a
 * call whose route cannot be told, or that is answered without a document.
 */
export type DocumentOf<Call extends string> = Call extends `${infer Path}?${string}` ? DocumentOf<Path>
  : [RouteOf<Call>] extends [never] ? unknown
  : Documents[RouteOf<Call>];

type RouteOf<Call extends string> = {
  [Route in keyof Documents]: Segments<Call> extends Pattern<Segments<Route>> ? Route : never;
}[keyof Documents];

type Segments<Path extends string> = Path extends `${infer First}/${infer Rest}` ? [First, ...Segments<Rest>] : [Path];

/** What may stand in the place of a parameter is any text. */
type Pattern<Route extends string[]> = {
  [Index in keyof Route]: Route[Index] extends `{${string}}` ? string : Route[Index];
};
