import assert from "node:assert/strict";
import { checkMethod, readFraming, splitTarget, splitUrl } from "./request_line.ts";

const REFUSED = { name: "RelayError", code: "invalid_request" };

const HOSTS = [
  "h",
  "H.example",
  "a-b_c.d",
  "127.0.0.1",
  "h:80",
  "h:65535",
  "[::1]",
  "[2001:db8::1]:8080",
  "[::ffff:1.2.3.4]",
];
const NO_HOSTS = [
  "",
  " ",
  "h:",
  "h:x",
  "h:123456",
  "h:80:80",
  "a/b",
  "a?b",
  "a#b",
  "a\\b",
  "u@h",
  "a b",
  "a,b",
  "a%41",
  "\u00e4",
  "[::1",
  "::1",
  "[g]",
  "[::1]x",
  "h\0",
  "h\n",
];

Deno.test("splitUrl() takes scheme, host and target apart and changes neither", () => {
  for (const host of HOSTS) {
    for (
      const target of [
        "/",
        "/a/../b",
        "//x",
        "/?",
        "/a?b?c",
        "/%2e%2e/%zz",
        "/\\",
        "/http://o/",
        "/@",
        "/\u00c3\u00a4|<>",
      ]
    ) {
      assert.deepEqual(splitUrl(`http://${host}${target}`, host), { host, target });
      assert.deepEqual(splitUrl(`HTTPS://${host}${target}`, undefined), { host, target });
    }
  }
  assert.deepEqual(splitUrl("http://h", undefined), { host: "h", target: "/" });
  assert.deepEqual(splitUrl("http://h/x", ""), { host: "h", target: "/x" });
  assert.deepEqual(splitUrl("http://H:80/x", "h:80"), { host: "H:80", target: "/x" });
});

Deno.test("splitUrl() refuses what is no host, no URL, or contradicts the Host", () => {
  for (const host of NO_HOSTS) assert.throws(() => splitUrl(`http://${host}/x`, host), REFUSED, host);
  const cases = [
    ["http://h/x#y", "h"],
    ["http://h#y", "h"],
    ["http://h?x", "h"],
    ["ftp://h/x", "h"],
    ["//h/x", "h"],
    ["/x", "h"],
    ["*", "h"],
    ["http:/h/x", "h"],
    ["http:///x", "h"],
    ["http://h/x", "other"],
    ["http://h/x", "h:80"],
    ["http://h:80/x", "h"],
    ["http://h/relay/other/t?/x", "h/relay/other/t?"],
  ] as const;
  for (const [url, host] of cases) assert.throws(() => splitUrl(url, host), REFUSED, `${url} ${host}`);
});

Deno.test("splitTarget() takes a path with a Host, and an absolute target whose authority it is", () => {
  for (const host of HOSTS) {
    for (const target of ["/", "//x", "/a/../b", "/?", "/a?b", "/http://o/"]) {
      assert.deepEqual(splitTarget(target, host), { host, target });
    }
  }
  assert.deepEqual(splitTarget("http://H/x?y", "h"), { host: "H", target: "/x?y" });
});

Deno.test("splitTarget() refuses a missing Host, what is no host, and what is no target", () => {
  for (const host of NO_HOSTS) assert.throws(() => splitTarget("/x", host), REFUSED, host);
  const targets = [
    "",
    "x",
    "h:443",
    "?x",
    "#",
    "/x#y",
    "http://other/x",
    "http://h/x#y",
    "ftp://h/x",
    "http://h\\x",
  ];
  for (const target of targets) assert.throws(() => splitTarget(target, "h"), REFUSED, target);
  assert.throws(() => splitTarget("*", "h"), REFUSED);
  assert.throws(() => splitTarget("/x", undefined), REFUSED);
  assert.throws(() => splitTarget("http://h/x", undefined), REFUSED);
});

Deno.test("checkMethod() refuses CONNECT and known methods in another case, and nothing else", () => {
  for (const method of ["GET", "HEAD", "TRACE", "PROPFIND", "propfind", "M-SEARCH", "BREW", "brew", "GETS", "!"]) {
    checkMethod(method);
  }
  for (const method of ["CONNECT", "connect", "get", "Get", "gET", "delete", "Patch", "options"]) {
    assert.throws(() => checkMethod(method), REFUSED, method);
  }
});

Deno.test("readFraming() finds a body of known length, a chunked one, or none", () => {
  assert.deepEqual(readFraming(undefined, undefined), { hasBody: false });
  for (const length of ["0", "00"]) assert.deepEqual(readFraming(length, undefined), { hasBody: false });
  for (const [length, value] of [["1", 1], ["003", 3], ["999999999999999", 999_999_999_999_999]] as const) {
    assert.deepEqual(readFraming(length, undefined), { hasBody: true, length: value });
  }
  for (const encoding of ["chunked", "Chunked", "CHUNKED"]) {
    assert.deepEqual(readFraming(undefined, encoding), { hasBody: true, length: undefined });
  }
});

Deno.test("readFraming() refuses everything else", () => {
  for (
    const length of ["", " ", "3, 3", "3,3", "+3", "-3", "0x3", "3 ", " 3", "3.0", "1e3", "\u0663", "1234567890123456"]
  ) {
    assert.throws(() => readFraming(length, undefined), REFUSED, length);
  }
  const encodings = [
    "",
    "identity",
    "gzip",
    "gzip, chunked",
    "chunked, gzip",
    "chunked, chunked",
    "xchunked",
    "chunked;x=y",
    '"chunked"',
    " chunked",
    "\u212aunked",
  ];
  for (const encoding of encodings) assert.throws(() => readFraming(undefined, encoding), REFUSED, encoding);
  assert.throws(() => readFraming("3", "chunked"), REFUSED);
  assert.throws(() => readFraming("0", "chunked"), REFUSED);
});
