/**
 * Makes the body store that the configuration asks for.
 *
 * @module
 */

import type { BodyStore } from "./body_store.ts";
import { FileBodyStore } from "./file_body_store.ts";
import { MemoryBodyStore } from "./memory_body_store.ts";
import { S3BodyStore } from "./s3_body_store.ts";

/** Which store, and where. */
export interface BodyStoreConfig {
  readonly type: "memory" | "file" | "s3";
  readonly path?: string | undefined;
  /** In bytes. */
  readonly memoryLimit: number;
  readonly s3: {
    readonly endpoint?: string | undefined;
    readonly bucket?: string | undefined;
    readonly region: string;
    readonly accessKeyId?: string | undefined;
    readonly secretAccessKey?: string | undefined;
    readonly prefix: string;
  };
}

/**
 * Makes a store.
 *
 * @param config Checked configuration.
 * @param defaultPath Folder of the type `file` when none is configured.
 * @throws {RelayError} `body_store_unavailable` when a folder cannot be made.
 */
export async function createBodyStore(config: BodyStoreConfig, defaultPath: string): Promise<BodyStore> {
  if (config.type === "memory") return new MemoryBodyStore({ maxTotalBytes: config.memoryLimit });
  if (config.type === "file") return await FileBodyStore.open({ path: config.path ?? defaultPath });
  const { region, prefix, bucket = "", accessKeyId = "", secretAccessKey = "" } = config.s3;
  const endpoint = config.s3.endpoint ?? `https://s3.${region}.amazonaws.com`;
  return new S3BodyStore({ endpoint, bucket, region, accessKeyId, secretAccessKey, prefix });
}
