import assert from "node:assert/strict";
import { testLog } from "../../tests/testkit/log.ts";
import { AccessPolicies } from "./access_policies.ts";

const POLICY = { default: "deny", rateLimits: [{ requestsPerSecond: 1, per: "tenant" }] };
const tenant = (accessPolicy: unknown, id = "1") => ({ id, name: `tenant ${id}`, accessPolicy });

Deno.test("AccessPolicies compiles a policy once, and anew when it says something else", () => {
  const policies = new AccessPolicies({ now: () => 0 });
  const first = policies.of(tenant(POLICY));
  assert.ok(first !== undefined);
  assert.equal(policies.of(tenant(POLICY)), first);
  assert.equal(policies.of(tenant(structuredClone(POLICY))), first, "a tenant that was read again keeps its counts");
  assert.notEqual(policies.of(tenant(POLICY, "2")), first);
  assert.notEqual(policies.of(tenant({ default: "allow" })), first);
});

Deno.test("AccessPolicies gives none for a policy of another version, and says why once", () => {
  const policies = new AccessPolicies({ now: () => 0 });
  const stored = { default: "allow", sinceVersion9: true };
  const pattern = { message: /^The access policy of .* cannot be used/, properties: { tenant: "tenant 3" } };
  for (let count = 0; count < 3; count++) assert.equal(policies.of(tenant(structuredClone(stored), "3")), undefined);
  const [record, ...others] = testLog.find(pattern);
  assert.equal(others.length, 0);
  assert.match(String(record?.properties.problems), /sinceVersion9/);
  for (const broken of [[], "allow", 0, false, {}, { default: "allow", rules: [{}] }]) {
    assert.equal(policies.of(tenant(broken, "4")), undefined);
  }
  assert.ok(policies.of(tenant({ default: "allow" }, "3")) !== undefined);
});

Deno.test("AccessPolicies keeps a bounded number", () => {
  const policies = new AccessPolicies({ now: () => 0, maxPolicies: 2 });
  const [first, second] = [policies.of(tenant(POLICY, "a")), policies.of(tenant(POLICY, "b"))];
  policies.of(tenant(POLICY, "c"));
  assert.equal(policies.of(tenant(POLICY, "b")), second);
  assert.notEqual(policies.of(tenant(POLICY, "a")), first);
});
