/**
 * Where bodies wait that cannot travel inside a message.
 *
 * @module
 */

export type { BodyStore, PutOptions, StoredBody } from "./body_store.ts";
export { isBodyKey } from "./body_key.ts";
export { createBodyStore } from "./create_body_store.ts";
export { FileBodyStore } from "./file_body_store.ts";
export { MemoryBodyStore } from "./memory_body_store.ts";
export { type BodyStoreStatus, MonitoredBodyStore, PROBE_KEY_PREFIX } from "./monitored_body_store.ts";
export { S3BodyStore } from "./s3_body_store.ts";
