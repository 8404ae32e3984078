import assert from "node:assert/strict";
import { proxyRules } from "./proxy_rules.ts";

const PROXY = "http://proxy.corp:3128";

/** The proxy for an address, or `direct`. */
function ask(address: string, env: Record<string, string>, proxy?: string): string {
  return proxyRules({ proxy, env })(new URL(address))?.href.replace(/\/$/, "") ?? "direct";
}

Deno.test("proxyRules() goes direct when nothing names a proxy", () => {
  assert.equal(ask("https://relay.example", {}), "direct");
  assert.equal(ask("https://relay.example", { HTTPS_PROXY: "", https_proxy: " ", NO_PROXY: "x" }), "direct");
});

Deno.test("proxyRules() takes the configured proxy before the environment, and none turns both off", () => {
  const env = { HTTPS_PROXY: "http://other:1", NO_PROXY: "*" };
  assert.equal(ask("https://relay.example", env, PROXY), PROXY);
  assert.equal(ask("https://relay.example", { HTTPS_PROXY: PROXY }, "none"), "direct");
});

Deno.test("proxyRules() reaches this machine directly, unless a proxy is configured", () => {
  for (const address of ["http://localhost:1", "https://a.localhost", "https://127.1.2.3", "http://[::1]:1"]) {
    assert.equal(ask(address, { ALL_PROXY: PROXY }), "direct");
    assert.equal(ask(address, {}, PROXY), PROXY);
  }
});

const VARIABLES: readonly (readonly [env: Record<string, string>, secure: string, plain: string])[] = [
  [{ HTTPS_PROXY: PROXY }, PROXY, "direct"],
  [{ https_proxy: PROXY }, PROXY, "direct"],
  [{ HTTP_PROXY: PROXY }, "direct", PROXY],
  [{ ALL_PROXY: PROXY }, PROXY, PROXY],
  [{ HTTPS_PROXY: "proxy.corp:3128" }, PROXY, "direct"],
  [{ HTTPS_PROXY: "http://upper:1", https_proxy: PROXY }, PROXY, "direct"],
  [{ HTTPS_PROXY: "https://user:p%40ss@proxy.corp:3128/" }, "https://user:p%40ss@proxy.corp:3128", "direct"],
  [{ HTTPS_PROXY: "http://[fd00::1]:3128" }, "http://[fd00::1]:3128", "direct"],
];
for (const [env, secure, plain] of VARIABLES) {
  Deno.test(`proxyRules() reads ${JSON.stringify(env)}`, () => {
    assert.deepEqual([ask("https://relay.example", env), ask("http://relay.example", env)], [secure, plain]);
  });
}

Deno.test("proxyRules() names the variable whose value is no proxy, without the value", () => {
  for (const value of ["socks5://user:hunter2@proxy", "http://proxy/hunter2", "http://%zz@proxy", "http://a b", "::"]) {
    assert.throws(() => proxyRules({ env: { HTTPS_PROXY: value } }), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(error.message, /Cannot use HTTPS_PROXY/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});

Deno.test("proxyRules() minds no ALL_PROXY that is no proxy for it where the others are given", () => {
  const env = { HTTPS_PROXY: PROXY, HTTP_PROXY: PROXY, ALL_PROXY: "socks5://proxy.corp:1080" };
  assert.equal(ask("https://relay.example", env), PROXY);
  assert.throws(() => proxyRules({ env: { ALL_PROXY: env.ALL_PROXY } }), /Cannot use ALL_PROXY/);
});

const EXEMPTIONS: readonly (readonly [rule: string, direct: readonly string[], proxied: readonly string[]])[] = [
  ["*", ["https://a.example", "https://10.0.0.1"], []],
  [
    "example.com",
    ["https://example.com", "https://a.example.com", "https://EXAMPLE.com.", "https://example.com:8443"],
    ["https://badexample.com", "https://example.com.evil.test", "https://example.org"],
  ],
  [".example.com", ["https://a.example.com", "https://example.com"], ["https://aexample.com"]],
  ["*.example.com", ["https://a.b.example.com"], ["https://aexample.com"]],
  ["Example.COM", ["https://example.com"], []],
  ["a.test, b.test c.test", ["https://a.test", "https://b.test", "https://c.test"], ["https://d.test"]],
  ["example.com:8443", ["https://example.com:8443"], ["https://example.com", "https://example.com:443"]],
  ["example.com:443", ["https://example.com"], ["https://example.com:444"]],
  ["10.0.0.0/8", ["https://10.1.2.3", "https://[::ffff:10.1.2.3]"], ["https://11.0.0.1", "https://10.example"]],
  ["10.0.0.1", ["https://10.0.0.1", "https://10.0.0.1:1"], ["https://10.0.0.2"]],
  ["10.0.0.1:8443", ["https://10.0.0.1:8443"], ["https://10.0.0.1"]],
  ["fd00::/8", ["https://[fd12::1]"], ["https://[fe80::1]", "https://10.0.0.1"]],
  ["[fd00::1]:8443", ["https://[fd00::1]:8443"], ["https://[fd00::1]"]],
  ["::3", ["https://[::3]", "https://[0:0:0:0:0:0:0:3]"], ["https://[::2]"]],
  ["10.0.0.0/99", [], ["https://10.0.0.1"]],
  [",,, .", [], ["https://a.test"]],
];
for (const [rule, direct, proxied] of EXEMPTIONS) {
  Deno.test(`proxyRules() exempts with NO_PROXY=${rule}`, () => {
    const env = { HTTPS_PROXY: PROXY, NO_PROXY: rule };
    for (const address of direct) assert.equal(ask(address, env), "direct", address);
    for (const address of proxied) assert.equal(ask(address, env), PROXY, address);
  });
}
