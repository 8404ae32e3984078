import assert from "node:assert/strict";
import type { HeaderLines } from "../../shared/http/message.ts";
import { withoutSharedCookies } from "./cookies.ts";

const BASE = "relay.example.com";

/** What becomes of one cookie. */
function through(value: string): string {
  const [[name, changed] = ["", ""]] = withoutSharedCookies([["Set-Cookie", value]], BASE);
  assert.equal(name, "Set-Cookie");
  return changed;
}

Deno.test("withoutSharedCookies() takes Domain away when it is at or above the base domain", () => {
  const shared = [
    "Domain=relay.example.com",
    "domain=relay.example.com",
    "DOMAIN = RELAY.Example.Com ",
    "Domain=.relay.example.com",
    "Domain=relay.example.com.",
    'Domain="relay.example.com"',
    "Domain=example.com",
    "Domain=.example.com",
    "Domain=com",
    "\tDomain\t=\trelay.example.com\t",
  ];
  for (const attribute of shared) {
    assert.equal(through(`a=b;${attribute}; Path=/;  Secure`), "a=b; Path=/;  Secure", attribute);
    assert.equal(through(`a=b; HttpOnly;${attribute}`), "a=b; HttpOnly", attribute);
  }
});

Deno.test("withoutSharedCookies() keeps every byte when the domain is another", () => {
  const kept = [
    "a=b",
    "",
    ";",
    "a=b;;  ;Path=/ ;",
    "a=b; Domain=erp--acme.relay.example.com; Path=/",
    "a=b; Domain=xrelay.example.com",
    "a=b; Domain=ample.com",
    "a=b; Domain=other.example",
    "a=b; Domain=",
    "a=b; Domain",
    "a=b; Domain=.",
    "a=b; X-Domain=example.com",
    "Domain=relay.example.com; Path=/",
    "a=\u00e9\u0080; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
  ];
  for (const value of kept) assert.equal(through(value), value);
});

Deno.test("withoutSharedCookies() changes each Set-Cookie line by itself, and no other header", () => {
  const headers: HeaderLines = [
    ["Content-Type", "text/plain; domain=example.com"],
    ["set-cookie", "a=1; Domain=example.com; Domain=relay.example.com"],
    ["SET-COOKIE", "b=2; Domain=erp--acme.relay.example.com; Domain=example.com"],
    ["Set-Cookie", "c=3"],
  ];
  assert.deepEqual(withoutSharedCookies(headers, BASE), [
    ["Content-Type", "text/plain; domain=example.com"],
    ["set-cookie", "a=1"],
    ["SET-COOKIE", "b=2; Domain=erp--acme.relay.example.com"],
    ["Set-Cookie", "c=3"],
  ]);
});
