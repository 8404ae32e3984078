import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { clientKey, isInNetwork, parseClientAddress, parseIpAddress, parseNetwork } from "./network.ts";

const isIn = (address: string, network: string) => isInNetwork(parseIpAddress(address)!, parseNetwork(network));

Deno.test("parseIpAddress() takes what the platform takes, but for leading zeros, and nothing else", () => {
  const part = fc.constantFrom(
    "0",
    "1",
    "255",
    "256",
    "01",
    "ffff",
    "10000",
    "::",
    ":",
    ".",
    "1.2.3.4",
    "",
    "g",
    " ",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.ipV4(),
        fc.ipV6(),
        fc.ipV4Extended(),
        fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")),
      ),
      (text) => assert.equal(parseIpAddress(text) !== undefined, isIP(text) !== 0, text),
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("parseIpAddress() gives the IPv4 address of every spelling of an IPv4-mapped one", () => {
  const expected = { version: 4, groups: [192, 0, 2, 1] };
  for (
    const text of ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1", "::ffff:c000:0201%1"]
  ) {
    assert.deepEqual(parseIpAddress(text), expected, text);
  }
  assert.equal(parseIpAddress("::192.0.2.1")?.version, 6);
  assert.equal(parseIpAddress("::fffe:192.0.2.1")?.version, 6);
});

Deno.test("parseClientAddress() takes ports and brackets as proxies write them, and no words", () => {
  for (const text of ["192.0.2.1", "192.0.2.1:4711", "[::ffff:192.0.2.1]:80", "[::ffff:192.0.2.1]"]) {
    assert.deepEqual(parseClientAddress(text)?.groups, [192, 0, 2, 1], text);
  }
  assert.deepEqual(parseClientAddress("2001:db8::1")?.groups, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]);
  for (const text of ["", "unknown", "_hidden", "192.0.2.1:", "[192.0.2.1]", "192.0.2", "0xc0.0.2.1", "3221225985"]) {
    assert.equal(parseClientAddress(text), undefined, text);
  }
});

Deno.test("parseNetwork() throws for what is no network, and for bits behind the prefix", () => {
  const wrong = [
    "",
    "10.0.0.0/",
    "10.0.0.0/33",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "::/129",
    "::1/64",
    "10.0.0.1/8",
    "a/8",
  ];
  for (
    const text of [...wrong, "10.0.0.0/-1", "fe80::%1/10", "::ffff:10.0.0.0/95", " 10.0.0.0/8", "10.0.0.0/255.0.0.0"]
  ) {
    assert.throws(() => parseNetwork(text), RangeError, text);
  }
});

Deno.test("isInNetwork() compares the first bits only, and never IPv4 with IPv6", () => {
  assert.ok(isIn("10.255.0.1", "10.0.0.0/8"));
  assert.ok(!isIn("11.0.0.0", "10.0.0.0/8"));
  assert.ok(isIn("::ffff:10.1.2.3", "10.0.0.0/8"));
  assert.ok(isIn("10.1.2.3", "::ffff:10.0.0.0/104"));
  assert.ok(isIn("192.0.2.1", "192.0.2.1") && !isIn("192.0.2.2", "192.0.2.1"));
  assert.ok(isIn("1.2.3.4", "0.0.0.0/0") && isIn("::1", "::/0"));
  assert.ok(!isIn("1.2.3.4", "::/0") && !isIn("::1", "0.0.0.0/0") && !isIn("::ffff:1.2.3.4", "::/0"));
  assert.ok(isIn("2001:db8:8000::1", "2001:db8:8000::/33") && !isIn("2001:db8::1", "2001:db8:8000::/33"));
});

Deno.test("isInNetwork() agrees with the platform for any address and network", () => {
  const v4 = fc.array(fc.constantFrom(0, 1, 10, 127, 128, 192, 255), { minLength: 4, maxLength: 4 });
  const v6 = fc.array(fc.constantFrom(0, 1, 0x7fff, 0x8000, 0x2001, 0xffff), { minLength: 8, maxLength: 8 });
  const families = [
    [v4.map((groups) => groups.join(".")), "ipv4", 32],
    [v6.map((groups) => groups.map((group) => group.toString(16)).join(":")), "ipv6", 128],
  ] as const;
  for (const [addresses, family, bits] of families) {
    fc.assert(
      fc.property(addresses, addresses, fc.nat(bits), (address, host, length) => {
        const list = new BlockList();
        list.addSubnet(host, length, family);
        const { version, groups } = parseIpAddress(host)!;
        if ((version === 4) !== (family === "ipv4")) return;
        const isInside = isInNetwork(parseIpAddress(address)!, { version, groups, prefixLength: length });
        assert.equal(isInside, list.check(address, family), `${address} in ${host}/${length}`);
      }),
      { numRuns: 1_000 },
    );
  }
});

Deno.test("clientKey() tells IPv4 addresses apart, and IPv6 networks of 64 bits", () => {
  const key = (text: string) => clientKey(parseIpAddress(text)!);
  assert.notEqual(key("192.0.2.1"), key("192.0.2.2"));
  assert.equal(key("192.0.2.1"), key("::ffff:192.0.2.1"));
  assert.equal(key("2001:db8::1"), key("2001:db8::ffff:1"));
  assert.notEqual(key("2001:db8::1"), key("2001:db8:0:1::1"));
});
