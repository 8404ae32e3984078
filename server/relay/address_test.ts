import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { isRelayTarget, parseAddress } from "./address.ts";

function codeOf(target: string): string {
  try {
    parseAddress({ target });
    return "parsed";
  } catch (error) {
    assert.ok(error instanceof RelayError);
    return error.code;
  }
}

Deno.test("parseAddress() takes a request target apart, and leaves path and query as they are", () => {
  const cases: Readonly<Record<string, readonly [route: string, tenant: string, target: string, path: string]>> = {
    "/relay/acme/erp": ["relay", "acme", "erp", ""],
    "/relay/acme/erp/": ["relay", "acme", "erp", "/"],
    "/relay/acme/erp?": ["relay", "acme", "erp", "?"],
    "/trace/acme/erp//a%2Fb?c=/../": ["trace", "acme", "erp", "//a%2Fb?c=/../"],
    "/relay/%61cme/e.r_p-1/%00": ["relay", "acme", "e.r_p-1", "/%00"],
  };
  for (const [requestTarget, [route, tenant, target, path]] of Object.entries(cases)) {
    assert.deepEqual(parseAddress({ target: requestTarget }), { route, tenant, target, path });
  }
});

Deno.test("parseAddress() throws when there is no address, or one that cannot exist", () => {
  const cases: Readonly<Record<string, string>> = {
    "/relay": "not_found",
    "/relay/acme": "not_found",
    "/relay/acme/": "not_found",
    "/relay//erp": "not_found",
    "/relay/acme?x/erp": "not_found",
    "/relay/../erp": "tenant_unknown",
    "/relay/%2e/erp": "tenant_unknown",
    "/relay/a%20b/erp": "tenant_unknown",
    "/relay/a%2Fb/erp": "tenant_unknown",
    [`/relay/${"a".repeat(101)}/erp`]: "tenant_unknown",
    "/relay/acme/..": "target_unknown",
    "/relay/acme/%00": "target_unknown",
    "/relay/acme/*": "target_unknown",
    [`/relay/acme/${"a".repeat(101)}`]: "target_unknown",
    "/relay/acme/%f": "invalid_request",
    "/relay/acme/%ff": "invalid_request",
    "/relay/acme/erp/..": "invalid_request",
  };
  for (const [requestTarget, code] of Object.entries(cases)) assert.equal(codeOf(requestTarget), code, requestTarget);
});

Deno.test("isRelayTarget() is true for the relay's routes, well-formed or not", () => {
  for (const target of ["/relay", "/relay/", "/relay?", "/trace/x", "/relay//"]) {
    assert.equal(isRelayTarget(target), true, target);
  }
  for (const target of ["/", "/relayed", "/Relay/x/y", "//relay/x/y", "/x/relay/"]) {
    assert.equal(isRelayTarget(target), false, target);
  }
});
