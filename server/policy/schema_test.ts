import assert from "node:assert/strict";
import { type AccessPolicy, accessPolicySchema } from "./schema.ts";

const SECRET_ID = "7e6f0c3a-8d5b-4c2e-9f1a-2b3c4d5e6f70";

/** Everything there is. */
const FULL: AccessPolicy = {
  default: "deny",
  callers: {
    "own clients": { type: "client" },
    "one client": { type: "client", secretIds: [SECRET_ID] },
    "warehouse": {
      type: "issuer",
      issuer: "https://login.example.com/",
      audience: "erp",
      claims: { groups: ["warehouse", "office"], email_verified: true, level: 3 },
    },
    "import": { type: "apiKey", secretIds: [SECRET_ID] },
  },
  rules: [
    { name: "no admin pages", effect: "deny", pathPrefixes: ["/admin"] },
    {
      name: "warehouse writes",
      effect: "allow",
      callers: ["warehouse", "import"],
      addresses: ["10.0.0.0/8", "2001:db8::/32", "::1"],
      targets: ["erp"],
      methods: ["GET", "POST"],
      pathPrefixes: ["/api/v1", "/büro"],
      contentTypes: ["application/json", "image/*"],
      maxBodySize: "1MiB",
    },
  ],
  maxBodySize: 10_000_000,
  rateLimits: [{ requestsPerSecond: 50, burst: 100, per: "tenant" }, { requestsPerSecond: 0.5, per: "caller" }],
};

/** Where the schema finds fault. */
function faultsOf(policy: unknown): string[] {
  const { error } = accessPolicySchema.safeParse(policy);
  return error?.issues.map(({ path }) => path.join(".")) ?? [];
}

Deno.test("accessPolicySchema accepts everything there is, and changes nothing of it", () => {
  assert.deepEqual(accessPolicySchema.parse(FULL), FULL);
  assert.deepEqual(accessPolicySchema.parse({ default: "allow" }), { default: "allow" });
});

Deno.test("accessPolicySchema refuses each wrong value, and says where", () => {
  const rule = (changes: object) => ({ default: "deny", rules: [{ name: "x", effect: "allow", ...changes }] });
  const caller = (changes: object) => ({ default: "deny", callers: { x: changes } });
  const issuer = { type: "issuer", issuer: "https://a.example", claims: { a: "b" } };
  const cases: readonly (readonly [policy: unknown, fault: string])[] = [
    [null, ""],
    [[], ""],
    [{}, "default"],
    [{ default: "maybe" }, "default"],
    [{ default: "deny", surprise: 1 }, ""],
    [rule({ surprise: 1 }), "rules.0"],
    [rule({ effect: "forbid" }), "rules.0.effect"],
    [rule({ name: "a\nb" }), "rules.0.name"],
    [rule({ name: '"<b>' }), "rules.0.name"],
    [rule({ addresses: ["10.0.0.1/8"] }), "rules.0.addresses.0"],
    [rule({ addresses: ["example.com"] }), "rules.0.addresses.0"],
    [rule({ addresses: [] }), "rules.0.addresses"],
    [rule({ targets: ["a/b"] }), "rules.0.targets.0"],
    [rule({ methods: ["GET POST"] }), "rules.0.methods.0"],
    [rule({ pathPrefixes: ["api"] }), "rules.0.pathPrefixes.0"],
    [rule({ pathPrefixes: ["/a/../b"] }), "rules.0.pathPrefixes.0"],
    [rule({ contentTypes: ["json"] }), "rules.0.contentTypes.0"],
    [rule({ contentTypes: ["a/b; charset=x"] }), "rules.0.contentTypes.0"],
    [rule({ maxBodySize: "1 MB" }), "rules.0.maxBodySize"],
    [rule({ maxBodySize: -1 }), "rules.0.maxBodySize"],
    [rule({ effect: "deny", maxBodySize: 1 }), "rules.0.maxBodySize"],
    [rule({ callers: ["nobody"] }), "rules.0.callers.0"],
    [rule({ callers: ["constructor"] }), "rules.0.callers.0"],
    [{ default: "deny", rules: [{ name: "x", effect: "allow" }, { name: "x", effect: "deny" }] }, "rules.1.name"],
    [caller({ type: "anybody" }), "callers.x.type"],
    [caller({ ...issuer, issuer: "http://a.example" }), "callers.x.issuer"],
    [caller({ ...issuer, issuer: "https://user:pass@a.example" }), "callers.x.issuer"],
    [caller({ ...issuer, claims: {} }), "callers.x.claims"],
    [caller({ ...issuer, claims: { a: { b: 1 } } }), "callers.x.claims.a"],
    [caller({ type: "apiKey" }), "callers.x.secretIds"],
    [caller({ type: "apiKey", secretIds: ["rsk_x"] }), "callers.x.secretIds.0"],
    [{ default: "deny", rateLimits: [{ requestsPerSecond: 0, per: "tenant" }] }, "rateLimits.0.requestsPerSecond"],
    [{ default: "deny", rateLimits: [{ requestsPerSecond: 1, per: "target" }] }, "rateLimits.0.per"],
    [{ default: "deny", rateLimits: [{ requestsPerSecond: 1, per: "caller" }] }, "rateLimits.0.per"],
  ];
  for (const [policy, fault] of cases) assert.deepEqual(faultsOf(policy), [fault], JSON.stringify(policy));
});

Deno.test("accessPolicySchema refuses more than can be looked through for each request", () => {
  const addresses = Array.from({ length: 2_001 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const rules = Array.from({ length: 201 }, (_, index) => ({ name: `rule ${index}`, effect: "allow" }));
  assert.deepEqual(faultsOf({ default: "deny", rules: [{ name: "x", effect: "allow", addresses }] }), [
    "rules.0.addresses",
  ]);
  assert.deepEqual(faultsOf({ default: "deny", rules }), ["rules"]);
});
