import assert from "node:assert/strict";
import type { HeaderLine, HeaderLines } from "../../shared/http/message.ts";
import type { Hop } from "../interceptors/mod.ts";
import { clientAddress, ForwardedHeaders, forwardedOrigin, type IsTrustedProxy } from "./forwarded.ts";

const HOP: Hop = { peerAddress: "203.0.113.9", host: "relay.example", scheme: "https" };
const RECEIVED: HeaderLine[] = [
  ["x-forwarded-for", "198.51.100.1"],
  ["X-Forwarded-Host", "www.example"],
  ["X-Forwarded-Proto", "http"],
  ["Forwarded", "for=198.51.100.1"],
  ["Via", "1.1 edge"],
];
const FRESH = {
  "X-Forwarded-For": "203.0.113.9",
  "X-Forwarded-Host": "relay.example",
  "X-Forwarded-Proto": "https",
  Forwarded: "for=203.0.113.9;host=relay.example;proto=https",
  Via: "1.1 relayserver",
};

/** Proxies are the addresses of 10/8. */
const isTrusted: IsTrustedProxy = (address: string) => address.startsWith("10.");
const nobody: IsTrustedProxy = () => false;
const anybody: IsTrustedProxy = () => true;

function forwarded(headers: HeaderLines, hop: Partial<Hop> = {}, trusted = nobody): Record<string, string> {
  const { headers: lines } = new ForwardedHeaders(trusted).interceptRequest({ headers }, { hop: { ...HOP, ...hop } });
  return Object.fromEntries(lines.filter(([name]) => Object.hasOwn(FRESH, name)));
}

function chain(...values: readonly string[]): HeaderLine[] {
  return values.map((value) => ["X-Forwarded-For", value]);
}

Deno.test("forwardedHeaders() says who the client is when nobody said it before", () => {
  for (const trusted of [nobody, anybody]) assert.deepEqual(forwarded([["Accept", "*/*"]], {}, trusted), FRESH);
});

Deno.test("forwardedHeaders() replaces what an untrusted peer says", () => {
  assert.deepEqual(forwarded(RECEIVED), FRESH);
});

Deno.test("forwardedHeaders() extends what a trusted peer says", () => {
  assert.deepEqual(forwarded(RECEIVED, {}, anybody), {
    "X-Forwarded-For": "198.51.100.1, 203.0.113.9",
    "X-Forwarded-Host": "www.example",
    "X-Forwarded-Proto": "http",
    Forwarded: `for=198.51.100.1, ${FRESH.Forwarded}`,
    Via: "1.1 edge, 1.1 relayserver",
  });
});

Deno.test("forwardedHeaders() joins repeated lines in order, and takes empty ones for none", () => {
  const headers: HeaderLine[] = [...chain("198.51.100.1", "", "198.51.100.2"), ["via", ""], ["via", "1.1 a"]];
  const { "X-Forwarded-For": addresses, Via } = forwarded(headers, {}, anybody);
  assert.match(addresses!, /^198\.51\.100\.1, .*198\.51\.100\.2, 203\.0\.113\.9$/);
  assert.equal(Via, "1.1 a, 1.1 relayserver");
  assert.equal(forwarded(chain(""), {}, anybody)["X-Forwarded-For"], HOP.peerAddress);
});

Deno.test("forwardedHeaders() quotes what RFC 7239 wants quoted", () => {
  const cases: readonly [Partial<Hop>, string, string][] = [
    [{ peerAddress: "2001:db8::1" }, "2001:db8::1", `for="[2001:db8::1]";host=relay.example;proto=https`],
    [{ peerAddress: "::ffff:192.0.2.1" }, "192.0.2.1", "for=192.0.2.1;host=relay.example;proto=https"],
    [{ host: "relay.example:8443" }, HOP.peerAddress, `for=203.0.113.9;host="relay.example:8443";proto=https`],
    [{ host: "[::1]:80", scheme: "http" }, HOP.peerAddress, `for=203.0.113.9;host="[::1]:80";proto=http`],
  ];
  for (const [hop, address, element] of cases) {
    const { "X-Forwarded-For": addresses, Forwarded } = forwarded([], hop);
    assert.deepEqual([addresses, Forwarded], [address, element]);
  }
});

Deno.test("forwardedHeaders() asks for the trust of an IPv4-mapped peer by its IPv4 address", () => {
  const { "X-Forwarded-For": addresses } = forwarded(RECEIVED, { peerAddress: "::ffff:10.0.0.1" }, isTrusted);
  assert.equal(addresses, "198.51.100.1, 10.0.0.1");
});

Deno.test("ForwardedHeaders leaves all other headers alone, and writes exactly its own anew", () => {
  const others: HeaderLine[] = [["X-Forwarded-Prefix", "/a"], ["Cookie", "a=b"], ["Cookie", "c=d"]];
  const headers = [...RECEIVED.slice(0, 2), ...others, ...RECEIVED.slice(2)];
  const { headers: changed } = new ForwardedHeaders(nobody).interceptRequest({ headers }, { hop: HOP });
  assert.deepEqual(changed, [...others, ...Object.entries(FRESH)]);
});

Deno.test("clientAddress() is the last address that no trusted proxy has", () => {
  const cases: readonly [what: string, peerAddress: string, headers: HeaderLine[], expected: string][] = [
    ["an untrusted peer is believed nothing", "203.0.113.9", chain("198.51.100.1"), "203.0.113.9"],
    ["a trusted peer without a chain", "10.0.0.1", [], "10.0.0.1"],
    ["one proxy", "10.0.0.1", chain("198.51.100.1"), "198.51.100.1"],
    ["an IPv4-mapped proxy", "::ffff:10.0.0.1", chain("198.51.100.1"), "198.51.100.1"],
    ["several proxies", "10.0.0.1", chain("198.51.100.1, 10.0.0.3,10.0.0.2"), "198.51.100.1"],
    ["several lines", "10.0.0.1", chain("198.51.100.1", "10.0.0.2"), "198.51.100.1"],
    ["entries the client made up", "10.0.0.1", chain("127.0.0.1, 10.0.0.9, 198.51.100.1, 10.0.0.2"), "198.51.100.1"],
    ["empty entries", "10.0.0.1", chain("198.51.100.1, , "), "198.51.100.1"],
    ["a client among the trusted", "10.0.0.1", chain("10.0.0.7, 10.0.0.2"), "10.0.0.7"],
    ["IPv6", "10.0.0.1", chain("2001:db8::1"), "2001:db8::1"],
  ];
  for (const [what, peerAddress, headers, expected] of cases) {
    assert.equal(clientAddress(headers, peerAddress, isTrusted), expected, what);
  }
});

Deno.test("forwardedOrigin() believes trusted proxies only, and of several the first", () => {
  const headers: HeaderLine[] = [
    ["X-Forwarded-Proto", "HTTPS, http"],
    ["x-forwarded-host", "www.example"],
    ["X-Forwarded-Host", "inner.example"],
  ];
  const seen = { scheme: "https", host: "www.example" };
  assert.deepEqual(forwardedOrigin({ headers, peerAddress: "10.0.0.1" }, isTrusted), seen);
  assert.deepEqual(forwardedOrigin({ headers, peerAddress: "::ffff:10.0.0.1" }, isTrusted), seen);
  const untold = { scheme: undefined, host: undefined };
  assert.deepEqual(forwardedOrigin({ headers, peerAddress: "203.0.113.9" }, isTrusted), untold);
  for (const value of ["gopher", "", ", https"]) {
    const lines: HeaderLine[] = [["X-Forwarded-Proto", value], ["X-Forwarded-Host", ""]];
    assert.deepEqual(forwardedOrigin({ headers: lines, peerAddress: "10.0.0.1" }, isTrusted), untold);
  }
});
