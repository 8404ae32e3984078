import assert from "node:assert/strict";
import { z } from "zod";
import { ConfigError } from "../../shared/config/config_error.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { maskedConfig } from "../../shared/config/masked_config.ts";
import { webhooksSection } from "./config.ts";
import { makeSecret } from "./testing.ts";

const schema = z.strictObject({ webhooks: webhooksSection() });
const URL = "https://crm.example.com/hooks/1?token=hidden";

function load(env: Record<string, string>) {
  const prefixed = Object.entries(env).map(([key, value]) => [`RELAY_SERVER__WEBHOOKS__${key}`, value]);
  return loadConfig({ schema, envPrefix: "RELAY_SERVER", env: Object.fromEntries(prefixed), flags: {} });
}

function problems(env: Record<string, string>): string {
  try {
    load(env);
    return "";
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map(({ path, message }) => `${path}: ${message}`).join("\n");
  }
}

Deno.test("webhooksSection() reads receivers from the environment", () => {
  const secret = makeSecret();
  const config = load({ CRM__URL: URL, CRM__SECRET: secret, CRM__TENANTS: "a,b", CRM__EVENTS: "tenant.offline" });
  assert.deepEqual(config.webhooks, {
    crm: { url: URL, secret, events: ["tenant.offline"], tenants: ["a", "b"], timeout: 10_000, allowInsecure: false },
  });
});

Deno.test("webhooksSection() takes http only for this machine, unless it is allowed", () => {
  const secret = makeSecret();
  for (const url of ["http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]:1/x"]) {
    assert.equal(problems({ A__URL: url, A__SECRET: secret }), "");
  }
  for (const url of ["http://crm.example.com", "http://127.0.0.1.example.com/", "http://10.0.0.1"]) {
    assert.match(problems({ A__URL: url, A__SECRET: secret }), /^webhooks\.a\.url: Must be https/);
    assert.equal(problems({ A__URL: url, A__SECRET: secret, A__ALLOW_INSECURE: "true" }), "");
  }
});

Deno.test("webhooksSection() refuses what is wrong, without repeating it", () => {
  const text = problems({ A__URL: "ftp://hidden", A__SECRET: "hidden", A__EVENTS: "tenant.gone", "A B__URL": URL });
  assert.match(text, /webhooks\.a\.url: Expected an absolute http or https URL/);
  assert.match(text, /webhooks\.a\.secret: Expected whsec_/);
  assert.match(text, /webhooks\.a\.events\.0: Expected one of tenant\.online, tenant\.offline/);
  assert.match(text, /webhooks\.a b: /);
  assert.doesNotMatch(text, /hidden/);
});

Deno.test("webhooksSection() shows neither address nor secret", () => {
  const secret = makeSecret();
  const shown = JSON.stringify(maskedConfig(schema, load({ A__URL: URL, A__SECRET: secret })));
  assert.doesNotMatch(shown, /hidden|whsec/);
});
