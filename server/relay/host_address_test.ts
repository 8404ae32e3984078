import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { HostAddresses } from "./host_address.ts";

const hosts = new HostAddresses("relay.example.com");

function codeOf(host: string, target = "/"): string {
  try {
    hosts.read({ host, target });
    return "read";
  } catch (error) {
    assert.ok(error instanceof RelayError);
    return error.code;
  }
}

Deno.test("covers() is true when a host lies below the base domain", () => {
  const below = [
    "erp--acme.relay.example.com",
    "ERP--Acme.Relay.Example.COM",
    "erp--acme.relay.example.com:8080",
    "erp--acme.relay.example.com.",
    "erp--acme.relay.example.com.:443",
    "www.relay.example.com",
    "a.b.relay.example.com",
    ".relay.example.com",
  ];
  const others = [
    "relay.example.com",
    "relay.example.com.",
    "relay.example.com:8080",
    "xrelay.example.com",
    "erp--acme.relay.example.com.evil",
    "example.com",
    "localhost",
    "127.0.0.1:8080",
    "[::1]:8080",
  ];
  for (const host of below) assert.equal(hosts.covers(host), true, host);
  for (const host of others) assert.equal(hosts.covers(host), false, host);
});

Deno.test("read() takes the names from the host, and the whole request target as the path", () => {
  assert.deepEqual(hosts.read({ host: "ERP-2--Acme.relay.example.com.:8080", target: "/relay/a//b%2F?c" }), {
    route: "relay",
    tenant: "acme",
    target: "erp-2",
    path: "/relay/a//b%2F?c",
    baseDomain: "relay.example.com",
  });
  const longest = `${"t".repeat(31)}--${"n".repeat(30)}`;
  assert.equal(longest.length, 63);
  assert.equal(codeOf(`${longest}.relay.example.com`), "read");
});

Deno.test("read() throws when the host does not name a tenant and a target", () => {
  const cases = {
    "www": "not_found",
    "erp-acme": "not_found",
    "--": "not_found",
    "erp--": "not_found",
    "--acme": "not_found",
    "a--b--c": "not_found",
    "a----b": "not_found",
    "x.erp--acme": "not_found",
    "erp--acme.": "not_found",
    "": "not_found",
    [`${"t".repeat(32)}--${"n".repeat(30)}`]: "not_found",
    "erp--ac_me": "tenant_unknown",
    "erp---acme": "tenant_unknown",
    "erp--acme-": "tenant_unknown",
    "e_rp--acme": "target_unknown",
    "-erp--acme": "target_unknown",
  };
  for (const [label, code] of Object.entries(cases)) assert.equal(codeOf(`${label}.relay.example.com`), code, label);
});

Deno.test("read() throws invalid_request when the path could leave the target's base URL", () => {
  for (const target of ["/..", "/a/%2e%2e/b", "/..;/", "/a%5c.."]) {
    assert.equal(codeOf("erp--acme.relay.example.com", target), "invalid_request", target);
  }
});
