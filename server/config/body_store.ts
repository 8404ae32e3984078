/**
 * The `bodyStore` section of the server's configuration.
 *
 * @module
 */

import { z } from "zod";
import { choice, httpUrl, secret, size, text } from "../../shared/config/fields.ts";

/** The `bodyStore` section: where bodies of stored requests wait. */
export const bodyStoreSection = z.strictObject({
  type: choice(["file", "memory", "s3"]).prefault("file").describe(
    "Where bodies of stored requests are kept: file, a folder that all origins of one database must share; s3, a bucket; or memory, which forgets them with the process.",
  ),
  path: text().optional().describe("Folder of the type file; bodies in dataDirectory without it."),
  memoryLimit: size({ minimum: 1 }).prefault("256MiB").describe(
    "What all bodies of the type memory may take together, in bytes.",
  ),
  s3: z.strictObject({
    endpoint: httpUrl().optional().describe(
      "URL of the service, without the bucket; Amazon's of the region without it.",
    ),
    bucket: text().optional().describe("Name of the bucket."),
    region: text().prefault("us-east-1").describe("Region, for signatures."),
    accessKeyId: text().optional().describe("Id of the access key."),
    secretAccessKey: secret().optional().describe("The access key's secret."),
    prefix: text().prefault("relayserver/").describe("Before the name of every object."),
  }).prefault({}).describe("The bucket, for the type s3."),
}).superRefine(({ type, s3 }, context) => {
  if (type !== "s3") return;
  for (const key of ["bucket", "accessKeyId", "secretAccessKey"] as const) {
    if (s3[key] !== undefined) continue;
    context.addIssue({ code: "custom", path: ["s3", key], message: "Must be set for the type s3" });
  }
});
