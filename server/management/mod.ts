/**
 * Management: what operators see and change, through the API, pages and commands.
 *
 * @module
 */

export { createRoleGuard } from "./api/role_guard.ts";
export { COMMAND_ACTOR } from "./audit_trail.ts";
export { type EventHub, type ManagementEvent } from "./event_hub.ts";
export { parseInput } from "./input.ts";
export { createManagement, type Management, type ManagementParts } from "./management.ts";
export { type InputProblem, ManagementError, type ManagementErrorCode } from "./management_error.ts";
export type { RequestSender } from "./request_sender.ts";
export type { ComponentStatus } from "./status_service.ts";
export { createStore, type Repositories, type Store } from "./store.ts";
export { toTenantDocument } from "./tenant_document.ts";
export type { TenantEvents } from "./tenant_events.ts";
