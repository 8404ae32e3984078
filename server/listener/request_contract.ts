/**
 * The contract's part about a request's line and headers.
 *
 * @module
 */

import assert from "node:assert/strict";
import { describeRequest, exchange, handlerOf, type Listen, type ListenerCases, textAnswer } from "./testing.ts";

const targetOf = (listen: Listen, target: string, host = "h") =>
  describeRequest(listen, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`, (request) => request.target);

const hostOf = (listen: Listen, lines: string, version = "1.1") =>
  describeRequest(listen, `GET /x HTTP/${version}\r\n${lines}\r\n`, ({ host, target }) => `${host} ${target}`);

const methodOf = (listen: Listen, method: string) =>
  describeRequest(listen, `${method} / HTTP/1.1\r\nHost: h\r\n\r\n`, (request) => request.method);

/** Cases by name. */
export const requestCases: ListenerCases = {
  "keeps every byte of a target": async (listen) => {
    const printable = Array.from({ length: 0x7f - 0x21 }, (_, index) => String.fromCharCode(0x21 + index));
    const characters = printable.filter((character) => character !== "#" && character !== "?").join("");
    const targets = [
      `/${characters}`,
      `/?${characters}?`,
      "/a/../b/./c",
      "/%2e%2E//x",
      "//x",
      "/a\\b",
      "/%",
      "/%zz%00",
      "/?",
    ];
    for (const target of targets) assert.equal(await targetOf(listen, target), target);
  },

  "keeps the bytes of UTF-8 in a target": async (listen) => {
    const target = "/\u00c3\u00a4?\u00e2\u0082\u00ac=\u00f0\u009f\u0098\u0080";
    assert.equal(await targetOf(listen, target), target);
  },

  "refuses a target that is none": async (listen) => {
    for (const target of ["/a#b", "#", "x", "/\u0001", "/\u007f", "/\u00e9", "/a b", "http:/x", "http://h#x"]) {
      assert.equal(await targetOf(listen, target), "400", target);
    }
  },

  "takes a Host with and without port": async (listen) => {
    for (const host of ["h", "H.example:80", "127.0.0.1:8080", "[::1]:80", "a_b-c"]) {
      assert.equal(await hostOf(listen, `Host: ${host}\r\n`), `${host} /x`);
    }
  },

  "refuses a Host that is none, and two": async (listen) => {
    const hosts = [
      "h/x",
      "h/relay/other/t?",
      "h?x",
      "h#x",
      "u@h",
      "a b",
      "h:",
      "h:x",
      "h:123456",
      "\u00e4",
      "[::1",
      "h\\x",
      "h,i",
    ];
    for (const host of hosts) assert.equal(await hostOf(listen, `Host: ${host}\r\n`), "400", host);
    assert.equal(await hostOf(listen, "Host: h\r\nHost: h\r\n"), "400");
    assert.equal(await hostOf(listen, "Host: h\r\nX: y\r\nhost: i\r\n"), "400");
  },

  "refuses HTTP/1.1 without a Host": async (listen) => {
    assert.equal(await hostOf(listen, ""), "400");
    assert.equal(await hostOf(listen, "Host:\r\n"), "400");
  },

  "takes HTTP/1.0 without a Host, and names its own address": async (listen) => {
    assert.match(await hostOf(listen, "", "1.0"), /^(127\.0\.0\.1|localhost):\d+ \/x$/);
  },

  "takes an absolute target whose authority is the Host": async (listen) => {
    assert.equal(await targetOf(listen, "http://h:8/a/../b?c//d", "H:8"), "/a/../b?c//d");
    assert.equal(await targetOf(listen, "HTTPS://h/x", "h"), "/x");
    assert.equal(await targetOf(listen, "http://h", "h"), "/");
  },

  "refuses an absolute target with another authority or scheme": async (listen) => {
    for (
      const target of ["http://other/x", "http://h:81/x", "http://h@other/x", "http://u@h/x", "ftp://h/x"]
    ) {
      assert.equal(await targetOf(listen, target), "400", target);
    }
  },

  "refuses CONNECT": async (listen) => {
    for (const target of ["h:443", "/x", "http://h/x"]) {
      assert.equal(
        await describeRequest(listen, `CONNECT ${target} HTTP/1.1\r\nHost: h\r\n\r\n`, () => "taken"),
        "400",
      );
    }
  },

  "takes the usual methods and WebDAV's": async (listen) => {
    const methods = [
      "GET",
      "POST",
      "PUT",
      "DELETE",
      "PATCH",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
      "QUERY",
      "M-SEARCH",
      "REPORT",
      "PURGE",
    ];
    for (const method of methods) assert.equal(await methodOf(listen, method), method);
  },

  "takes any token as a method": async (listen) => {
    for (const method of ["BREW", "brew", "A!#$%&'*+-.^_`|~09z"]) assert.equal(await methodOf(listen, method), method);
  },

  "refuses a known method in the wrong case": async (listen) => {
    for (const method of ["get", "Post", "deletE", "connect"]) assert.equal(await methodOf(listen, method), "400");
  },

  "tells the peer's address": async (listen) => {
    const request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
    assert.equal(await describeRequest(listen, request, ({ peerAddress }) => peerAddress), "127.0.0.1");
  },

  "keeps the bytes of header values": async (listen) => {
    const lines = "X-Latin: \u0080\u00e4\u00ff\r\nX-Tab: a\tb\r\nX-Empty:\r\nX-Spaces:  \t a  b \t\r\n";
    const described = await describeRequest(
      listen,
      `GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n`,
      ({ headers }) => headers.map(([name, value]) => `${name.toLowerCase()}=${value}`).sort().join("|"),
    );
    assert.equal(described, "host=h|x-empty=|x-latin=\u0080\u00e4\u00ff|x-spaces=a  b|x-tab=a\tb");
  },

  "keeps order, case and repeats of header lines": async (listen) => {
    const lines = "B: 1\r\nhOsT: h\r\na: 2\r\nCookie: x\r\nb: 3\r\nCookie: y\r\n";
    const described = await describeRequest(
      listen,
      `GET / HTTP/1.1\r\n${lines}\r\n`,
      ({ headers }) => headers.map(([name, value]) => `${name}: ${value}\r\n`).join(""),
    );
    assert.equal(described, lines);
  },

  "loses no header line, whether they are many or long": async (listen) => {
    const long = "x".repeat(60_000);
    const ofLong = await describeRequest(
      listen,
      `GET /${"y".repeat(3000)} HTTP/1.1\r\nHost: h\r\nX-Long: ${long}\r\n\r\n`,
      ({ headers, target }) =>
        `${headers.find(([name]) => name.toLowerCase() === "x-long")?.[1].length} ${target.length}`,
    );
    assert.equal(ofLong, "60000 3001");
    const many = Array.from({ length: 100 }, (_, index) => `X-${index}: ${index}\r\n`).join("");
    const ofMany = await describeRequest(
      listen,
      `GET / HTTP/1.1\r\nHost: h\r\n${many}\r\n`,
      ({ headers }) => `${headers.length}`,
    );
    assert.equal(ofMany, "101");
  },

  "takes a thousand header lines, and no more": async (listen) => {
    const request = (lines: number) => `GET / HTTP/1.1\r\nHost: h\r\n${"A:b\r\n".repeat(lines - 1)}\r\n`;
    assert.equal(await describeRequest(listen, request(1000), ({ headers }) => `${headers.length}`), "1000");
    await using listener = await listen(handlerOf(() => textAnswer("taken")));
    assert.equal((await exchange(listener, request(1001))).status, 431);
  },

  "refuses a head above 64 KiB": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("taken")));
    for (
      const head of [
        `GET /${"x".repeat(70_000)} HTTP/1.1\r\nHost: h`,
        `GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(70_000)}`,
      ]
    ) {
      const { status } = await exchange(listener, `${head}\r\n\r\n`);
      assert.ok([400, 431].includes(status), String(status));
    }
  },

  "answers a head above 64 KiB with 431, and garbage with 400, in its handler's words": async (listen) => {
    await using listener = await listen(handlerOf(() => textAnswer("taken")));
    const cases = [
      [`GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(70_000)}\r\n\r\n`, "431 headers_too_large"],
      ["nonsense\r\n\r\n", "400 invalid_request"],
      ["GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400 invalid_request"],
      ["GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400 invalid_request"],
      ["BREW / HTTP/1.1\r\nHost: h\r\n\r\n", "400 invalid_request"],
    ] as const;
    for (const [request, expected] of cases) {
      const { status, headers } = await exchange(listener, request);
      const header = (name: string) => headers.find(([key]) => key === name)?.[1];
      assert.equal(`${status} ${header("X-Refused")} ${header("Connection")}`, `${expected} close`);
    }
  },
};
