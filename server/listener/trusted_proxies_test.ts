import assert from "node:assert/strict";
import { createTrustedProxies } from "./trusted_proxies.ts";

type Row = readonly [networks: readonly string[], trusted: readonly string[], others: readonly string[]];

const ROWS: readonly Row[] = [
  [[], [], ["127.0.0.1", "::1", ""]],
  [["10.1.2.3"], ["10.1.2.3"], ["10.1.2.4", "10.1.2.30", "110.1.2.3"]],
  [["10.0.0.0/8"], ["10.0.0.0", "10.255.255.255"], ["11.0.0.0", "9.255.255.255"]],
  [["10.1.2.3/32"], ["10.1.2.3"], ["10.1.2.2"]],
  [["0.0.0.0/0"], ["1.2.3.4", "255.255.255.255"], ["2001:db8::1"]],
  [["::1"], ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]],
  [["fd00::/8"], ["fd00::1", "fdff::"], ["fe00::1", "10.0.0.1"]],
  [["10.0.0.0/8", "::1", "192.168.7.9"], ["10.1.1.1", "::1", "192.168.7.9"], ["192.168.7.8", "::"]],
];

for (const [networks, trusted, others] of ROWS) {
  Deno.test(`createTrustedProxies() with [${networks.join(", ")}] trusts these and nobody else`, () => {
    const isTrusted = createTrustedProxies(networks);
    for (const address of trusted) assert.equal(isTrusted(address), true, address);
    for (const address of others) assert.equal(isTrusted(address), false, address);
  });
}

Deno.test("createTrustedProxies() trusts an IPv4 address in IPv6 clothing like the address itself", () => {
  const isTrusted = createTrustedProxies(["10.0.0.0/8"]);
  assert.equal(isTrusted("::ffff:10.1.2.3"), true);
  assert.equal(isTrusted("::ffff:11.1.2.3"), false);
});

Deno.test("createTrustedProxies() trusts nothing that is no address", () => {
  const isTrusted = createTrustedProxies(["0.0.0.0/0", "::/0"]);
  for (
    const address of ["", "unknown", "localhost", "10.0.0", "10.0.0.1:80", "[::1]", "10.0.0.1, 10.0.0.2", " 10.0.0.1"]
  ) {
    assert.equal(isTrusted(address), false, address);
  }
});
