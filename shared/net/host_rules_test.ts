import assert from "node:assert/strict";
import { hostRules, isHostRule } from "./host_rules.ts";

Deno.test("hostRules() takes names exactly unless told otherwise", () => {
  const isListed = hostRules(["erp.local", "*.shop.local", "10.0.0.0/8", "[fd00::1]:8443", "db.local:5000"], {
    includesSubdomains: false,
  });
  const listed = ["http://erp.local", "http://ERP.local.", "https://a.shop.local", "http://10.9.8.7:81"];
  for (const address of [...listed, "https://[fd00::1]:8443", "http://db.local:5000"]) {
    assert.equal(isListed(new URL(address)), true, address);
  }
  const others = ["http://a.erp.local", "http://shop.local", "http://11.0.0.1", "https://[fd00::1]", "http://db.local"];
  for (const address of [...others, "http://erp.local.evil.test", "http://evil-erp.local"]) {
    assert.equal(isListed(new URL(address)), false, address);
  }
  assert.equal(hostRules(["*"], { includesSubdomains: false })(new URL("http://anything")), true);
  assert.equal(hostRules([], { includesSubdomains: false })(new URL("http://anything")), false);
});

Deno.test("isHostRule() knows what can be an entry", () => {
  const good = [
    "*",
    "a",
    "a.b",
    "*.a.b",
    ".a.b",
    "a_b.c",
    "10.0.0.1",
    "10.0.0.0/8",
    "::1",
    "[::1]:80",
    "a:80",
    "fd00::/8",
  ];
  for (const entry of good) assert.equal(isHostRule(entry), true, entry);
  for (const entry of ["", "http://a", "a/b", "10.0.0.0/33", "a b", "*a", "a*", "a:99999", "-a", "@"]) {
    assert.equal(isHostRule(entry), false, entry);
  }
});
