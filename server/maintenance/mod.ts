/**
 * What a server does without being asked: it says that it lives, and removes what is too old.
 *
 * @module
 */

export { createMaintenanceJobs, type MaintainedStores, type MaintenanceJob, type Retention } from "./jobs.ts";
export { type JobReport, Maintenance, type MaintenanceOptions } from "./maintenance.ts";
export { OriginHeartbeat, type OriginHeartbeatOptions } from "./origin_heartbeat.ts";
export { type BodyNames, OrphanedBodies } from "./orphaned_bodies.ts";
