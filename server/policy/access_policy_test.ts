import assert from "node:assert/strict";
import { compilePolicy, type PolicyDecision } from "./access_policy.ts";
import type { Caller } from "./callers.ts";
import { type PolicyRequest, RuleSubject } from "./rules.ts";
import type { AccessPolicy } from "./schema.ts";

type Rules = NonNullable<AccessPolicy["rules"]>;
type Conditions = Omit<Rules[number], "name" | "effect">;

const REQUEST: PolicyRequest = {
  target: "erp",
  path: "/api/orders?state=new",
  method: "GET",
  headers: [],
  hasBody: false,
  clientAddress: "192.0.2.1",
  isPreflight: false,
};

function subject(changes: Partial<PolicyRequest> = {}): RuleSubject {
  return new RuleSubject({ ...REQUEST, ...changes });
}

function decide(policy: AccessPolicy, changes: Partial<PolicyRequest> = {}, caller?: Caller): PolicyDecision {
  return compilePolicy(policy, () => 0).decide(subject(changes), caller);
}

/** The effect of one rule that allows, and of one that denies, with the opposite for all other requests. */
function effects(
  conditions: Conditions,
  changes: Partial<PolicyRequest> = {},
): [whenAllowed: string, whenDenied: string] {
  const of = (effect: "allow" | "deny") =>
    decide({ default: effect === "allow" ? "deny" : "allow", rules: [{ name: "x", effect, ...conditions }] }, changes)
      .effect;
  return [of("allow"), of("deny")];
}

/** The condition holds, whichever way one asks. */
function holds(conditions: Conditions, changes: Partial<PolicyRequest> = {}): void {
  assert.deepEqual(effects(conditions, changes), ["allow", "deny"], JSON.stringify([conditions, changes]));
}

/** It does not. */
function holdsNot(conditions: Conditions, changes: Partial<PolicyRequest> = {}): void {
  assert.deepEqual(effects(conditions, changes), ["deny", "allow"], JSON.stringify([conditions, changes]));
}

/** It cannot be told: refused, whichever way one asks. */
function isRefused(conditions: Conditions, changes: Partial<PolicyRequest> = {}): void {
  assert.deepEqual(effects(conditions, changes), ["deny", "deny"], JSON.stringify([conditions, changes]));
}

function contentType(...values: string[]): Partial<PolicyRequest> {
  return { headers: values.map((value) => ["Content-Type", value] as const), hasBody: true };
}

Deno.test("decide() knows addresses, IPv4 in IPv6 clothing too, and refuses what is none", () => {
  const addresses = ["192.0.2.0/24", "2001:db8::/32"];
  for (const clientAddress of ["192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:2ff", "2001:db8::1", "192.0.2.1:4711"]) {
    holds({ addresses }, { clientAddress });
  }
  for (const clientAddress of ["192.0.3.1", "2001:db9::1", "::192.0.2.1"]) holdsNot({ addresses }, { clientAddress });
  for (const clientAddress of ["unknown", "", "192.0.2.01", "192.0.2"]) isRefused({ addresses }, { clientAddress });
});

Deno.test("decide() knows targets without regard to case", () => {
  holds({ targets: ["ERP"] });
  holds({ targets: ["crm", "erp"] }, { target: "Erp" });
  holdsNot({ targets: ["crm"] });
  holdsNot({ targets: ["erp"] }, { target: "erp." });
});

Deno.test("decide() knows methods, and those that headers name instead", () => {
  const override = (name: string, value: string) => ({ method: "POST", headers: [[name, value] as const] });
  holds({ methods: ["GET", "HEAD"] });
  holdsNot({ methods: ["GET"] }, { method: "HEAD" });
  for (const name of ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"]) {
    isRefused({ methods: ["POST"] }, override(name, "DELETE"));
    isRefused({ methods: ["DELETE"] }, override(name, "delete"));
    isRefused({ methods: ["DELETE"] }, override(name, "PATCH, DELETE"));
    holds({ methods: ["POST", "PATCH"] }, override(name, "patch"));
  }
  // Own methods have a case of their own; a careless server has not.
  isRefused({ methods: ["REPORT"] }, { method: "Report" });
});

Deno.test("decide() knows path prefixes however they are escaped", () => {
  holds({ pathPrefixes: ["/api"] });
  holds({ pathPrefixes: ["/a", "/api/orders"] });
  holds({ pathPrefixes: ["/"] }, { path: "" });
  holdsNot({ pathPrefixes: ["/ap", "/api/order"] });
  holdsNot({ pathPrefixes: ["/api"] }, { path: "/x?/api" });
  for (
    const path of [
      "/API/x",
      "//api/x",
      "/api%2Fx",
      "/api;x/y",
      "/%2561pi",
      "/x%00/api",
      "/api./x",
      "/api%252e%252e/%2e",
    ]
  ) {
    isRefused({ pathPrefixes: ["/api"] }, { path });
  }
});

Deno.test("decide() knows content types without case and parameters, all of them when there are several", () => {
  holds({ contentTypes: ["application/json"] }, contentType("Application/JSON; charset=utf-8"));
  holds({ contentTypes: ["image/*"] }, contentType("image/png"));
  holdsNot({ contentTypes: ["application/json"] }, contentType("application/jsonx"));
  isRefused({ contentTypes: ["application/json"] }, contentType("application/json", "text/xml"));
  isRefused({ contentTypes: ["application/json"] }, contentType("application/json, text/xml"));
  isRefused({ contentTypes: ["application/json"] }, contentType("json"));
  holdsNot({ contentTypes: ["application/json"] }, { hasBody: true });
  // There is nothing to object to, and nothing to forbid.
  assert.deepEqual(effects({ contentTypes: ["application/json"] }), ["allow", "allow"]);
});

Deno.test("decide() wants all conditions of a rule, and takes the first rule that has them", () => {
  const policy: AccessPolicy = {
    default: "deny",
    rules: [
      { name: "no secrets", effect: "deny", pathPrefixes: ["/api/secrets"] },
      { name: "read", effect: "allow", methods: ["GET"], pathPrefixes: ["/api"], maxBodySize: 10 },
      { name: "too late", effect: "deny", pathPrefixes: ["/api/orders"] },
    ],
    maxBodySize: "1KiB",
  };
  assert.deepEqual(decide(policy), { effect: "allow", reason: 'allow: rule "read"', maxBodyBytes: 10 });
  assert.deepEqual(decide(policy, { path: "/api/secrets" }), {
    effect: "deny",
    reason: 'deny: rule "no secrets"',
    needsCaller: false,
  });
  assert.deepEqual(decide(policy, { method: "PUT" }).reason, 'deny: rule "too late"');
  assert.deepEqual(decide(policy, { path: "/" }).reason, "deny: default");
  assert.deepEqual(decide({ default: "allow", maxBodySize: "1KiB" }), {
    effect: "allow",
    reason: "allow: default",
    maxBodyBytes: 1024,
  });
});

Deno.test("decide() tells callers apart, and says when a credential would help", () => {
  const policy: AccessPolicy = {
    default: "deny",
    callers: { office: { type: "client" }, warehouse: { type: "client" } },
    rules: [
      { name: "not the office", effect: "deny", callers: ["office"], pathPrefixes: ["/stock"] },
      { name: "all", effect: "allow", callers: ["office", "warehouse"], methods: ["GET"] },
    ],
  };
  const as = (...names: string[]): Caller => ({ names: new Set(names), key: "k" });
  assert.equal(decide(policy, {}, as("office")).reason, 'allow: rule "all", caller "office"');
  assert.equal(decide(policy, {}, as("office", "warehouse")).reason, 'allow: rule "all", caller "office", "warehouse"');
  assert.equal(decide(policy, { path: "/stock" }, as("office")).effect, "deny");
  assert.equal(decide(policy, { path: "/stock" }, as("warehouse")).effect, "allow");
  assert.deepEqual(decide(policy), { effect: "deny", reason: "deny: default", needsCaller: true });
  assert.deepEqual(decide(policy, { method: "PUT" }), { effect: "deny", reason: "deny: default", needsCaller: false });
  assert.deepEqual(decide(policy, {}, as("stranger")), { effect: "deny", reason: "deny: default", needsCaller: false });
});

Deno.test("decide() lets a preflight pass without its caller, if everything else of the rule holds", () => {
  const policy: AccessPolicy = {
    default: "deny",
    callers: { office: { type: "client" } },
    rules: [{ name: "x", effect: "allow", callers: ["office"], methods: ["OPTIONS", "PUT"], pathPrefixes: ["/api"] }],
  };
  const preflight = { method: "OPTIONS", isPreflight: true };
  assert.equal(decide(policy, preflight).effect, "allow");
  assert.equal(decide(policy, { ...preflight, isPreflight: false }).effect, "deny");
  assert.equal(decide(policy, { ...preflight, path: "/x" }).effect, "deny");
});

Deno.test("decide() counts what is allowed per tenant and per caller, admit() everything per address", () => {
  let nowMs = 0;
  const policy = compilePolicy({
    default: "deny",
    callers: { a: { type: "client" } },
    rules: [{ name: "x", effect: "allow", pathPrefixes: ["/api"] }],
    rateLimits: [
      { requestsPerSecond: 1, burst: 3, per: "tenant" },
      { requestsPerSecond: 1, burst: 2, per: "caller" },
      { requestsPerSecond: 0.5, per: "address" },
    ],
  }, () => nowMs);
  const as = (key: string): Caller => ({ names: new Set(["a"]), key });
  const effectOf = (path: string, caller: Caller) => policy.decide(subject({ path }), caller).effect;
  for (let count = 0; count < 5; count++) assert.equal(effectOf("/elsewhere", as("one")), "deny");
  assert.deepEqual([effectOf("/api", as("one")), effectOf("/api", as("one"))], ["allow", "allow"]);
  const limited = policy.decide(subject(), as("one"));
  assert.deepEqual(limited, { effect: "limit", reason: "limit: 1 requests/s per caller", retryAfterMs: 1_000 });
  // The refusal counted for the tenant, whose limit comes first.
  assert.equal(policy.decide(subject(), as("two")).reason, "limit: 1 requests/s per tenant");
  nowMs = 10_000;
  assert.equal(effectOf("/api", as("two")), "allow");

  assert.equal(policy.admit(subject()), undefined);
  assert.deepEqual(policy.admit(subject()), {
    effect: "limit",
    reason: "limit: 0.5 requests/s per address",
    retryAfterMs: 2_000,
  });
  assert.equal(policy.admit(subject({ clientAddress: "::ffff:192.0.2.1" }))?.effect, "limit");
  assert.equal(policy.admit(subject({ clientAddress: "192.0.2.2" })), undefined);
});
