import assert from "node:assert/strict";
import { z } from "zod";
import { duration, list, secret, size, text } from "./fields.ts";
import { maskedConfig } from "./masked_config.ts";

const schema = z.strictObject({
  password: secret().optional().describe("The password."),
  url: text().refine((value) => value !== "", "Expected a URL").optional(),
  urls: list(text()).prefault([]),
  timeout: duration().prefault("90s").describe("The timeout."),
  limit: size({ minimum: 1 }).optional(),
  targets: z.record(z.string(), z.strictObject({ headers: z.record(z.string(), secret()).prefault({}) })).prefault({}),
});

Deno.test("maskedConfig() shows no secret and writes durations and sizes as a file takes them", () => {
  const config = schema.parse({
    password: "hunter2",
    url: "postgres://user:hunter2@host:5432/db?x=a@b",
    urls: ["amqp://u:hunter2@h", "plain@text"],
    limit: "64KiB",
    targets: { a: { headers: { authorization: "hunter2" } } },
  });
  const shown = maskedConfig(schema, config);
  assert.deepEqual(shown, {
    password: "***",
    url: "postgres://***@host:5432/db?x=a@b",
    urls: ["amqp://***@h", "plain@text"],
    timeout: "00:01:30",
    limit: "64KiB",
    targets: { a: { headers: { authorization: "***" } } },
  });
  assert.deepEqual(schema.parse(shown).timeout, config.timeout);
});

Deno.test("maskedConfig() leaves out what is not set", () => {
  assert.deepEqual(maskedConfig(schema, schema.parse({})), { urls: [], timeout: "00:01:30", targets: {} });
});
