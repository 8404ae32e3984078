import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpFault } from "./http_fault.ts";
import { ResponseDecoder } from "./response_decoder.ts";
import type { ResponseHead } from "./response_head.ts";

/** What is in the bytes of a connection, and whether it was whole when the connection ended. */
interface Decoded {
  readonly head: ResponseHead | undefined;
  readonly body: string;
  readonly isWhole: boolean;
  readonly hasExcess: boolean;
}

function decode(parts: readonly string[], method = "GET"): Decoded {
  let head: ResponseHead | undefined;
  let body = "";
  let ends = 0;
  const decoder = new ResponseDecoder(method, {
    head: (received) => {
      assert.equal(head, undefined, "a second head");
      head = received;
    },
    data: (bytes) => {
      assert.equal(ends, 0, "a body after its end");
      body += String.fromCharCode(...bytes);
    },
    end: () => void ends++,
  });
  for (const part of parts) decoder.push(Uint8Array.from(part, (character) => character.charCodeAt(0)));
  if (ends === 0) decoder.close();
  assert.ok(ends <= 1, "a second end");
  return { head, body, isWhole: ends === 1, hasExcess: decoder.hasExcess };
}

const WHOLE: readonly (readonly [name: string, response: string, body: string, method?: string])[] = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello"],
  ["no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""],
  ["chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"],
  [
    "spelling",
    'HTTP/1.1 200 OK\r\ntransfer-ENCODING:\tChunked \r\n\r\n00A;x="y"\r\n0123456789\r\n000\r\n\r\n',
    "0123456789",
  ],
  ["trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: 1\r\nB: \xe9\r\n\r\n", "ok"],
  ["until close", "HTTP/1.1 200 OK\r\n\r\nhello\r\n\r\n", "hello\r\n\r\n"],
  ["HTTP/1.0", "HTTP/1.0 404\r\nX:\r\n\r\nhello", "hello"],
  [
    "interim",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nA: 1\r\n\r\nHTTP/1.1 299 Odd\r\nContent-Length: 1\r\n\r\nx",
    "x",
  ],
  ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "", "HEAD"],
  ["304", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", ""],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n", ""],
  ["all bytes", `HTTP/1.1 200 OK\r\nContent-Length: 256\r\n\r\n${allBytes()}`, allBytes()],
];

Deno.test("ResponseDecoder decodes every way to mark a body off, wherever the bytes are split", () => {
  for (const [name, response, body, method] of WHOLE) {
    const whole = decode([response], method);
    assert.deepEqual([whole.body, whole.isWhole, whole.hasExcess], [body, true, false], name);
    for (let split = 1; split < response.length; split++) {
      assert.deepEqual(decode([response.slice(0, split), response.slice(split)], method), whole, `${name} at ${split}`);
    }
    assert.deepEqual(decode([...response], method), whole, `${name} byte by byte`);
  }
});

Deno.test("ResponseDecoder never takes a body for whole that broke off", () => {
  for (const [name, response, body, method] of WHOLE) {
    // Nothing but the end of the connection ends it.
    const isOpen = ["until close", "HTTP/1.0"].includes(name);
    for (let end = 0; end < (isOpen ? response.length - body.length : response.length); end++) {
      assert.equal(decode([response.slice(0, end)], method).isWhole, false, `${name} at ${end}`);
    }
  }
});

Deno.test("ResponseDecoder keeps header lines as they came", () => {
  const { head } = decode(["HTTP/1.1 200 OK\r\nX-b: 1\r\nset-cookie:a \r\nSet-Cookie: \tb\xe9;\tc\r\nE:\r\n\r\n"]);
  assert.deepEqual(head?.rawHeaders, ["X-b", "1", "set-cookie", "a", "Set-Cookie", "b\xe9;\tc", "E", ""]);
});

Deno.test("ResponseDecoder says whether the connection can be used again", () => {
  const cases: readonly (readonly [string, boolean, number | undefined])[] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true, undefined],
    ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", false, undefined],
    [
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=100\r\n\r\n",
      true,
      5,
    ],
    ["HTTP/1.1 200 OK\r\n\r\n", false, undefined],
    ["HTTP/1.1 204 No Content\r\n\r\n", true, undefined],
    ["HTTP/1.1 304 Not Modified\r\n\r\n", true, undefined],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, undefined],
    ["HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true, undefined],
    ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", false, undefined],
  ];
  for (const [response, isKept, keptSeconds] of cases) {
    const { head } = decode([response]);
    assert.deepEqual([head?.isKept, head?.keptSeconds], [isKept, keptSeconds], response);
  }
});

Deno.test("ResponseDecoder tells of bytes behind the response, and takes none of them for its body", () => {
  for (
    const [response, method] of [[WHOLE[0]![1]], [WHOLE[2]![1]], [
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
      "HEAD",
    ]]
  ) {
    const decoded = decode([response!, "HTTP/1.1 200 OK\r\n\r\nforged"], method);
    assert.deepEqual([decoded.isWhole, decoded.hasExcess], [true, true]);
    assert.doesNotMatch(decoded.body, /forged/);
  }
});

Deno.test("ResponseDecoder refuses what could be read in two ways", () => {
  const lengthAnd = (lines: string) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n${lines}\r\n\r\nok`;
  const chunks = (body: string) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
  const refused = [
    ...[lengthAnd("Content-Length: 2"), lengthAnd("content-length: 3"), lengthAnd("Transfer-Encoding: chunked")],
    ...["+2", "-2", "0x2", "2, 2", "2 2", "", "1e1", "2;", "9999999999999999"].map((length) =>
      `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\nok`
    ),
    ...["gzip", "gzip, chunked", "chunked, chunked", "chunked, identity", "xchunked", '"chunked"', "", "\x0bchunked"]
      .map((
        coding,
      ) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`),
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ...[
      "A : b",
      " A: b",
      "A: b\r\n c",
      "A: b\r\n\tc",
      "A",
      ": b",
      "A: \x00",
      "A: \x01",
      "A: \x7f",
      "A\xe9: b",
      "A: b\nB: c",
      "A: b\rB: c",
    ].map(
      lengthAnd,
    ),
    ...["000", "042", "099"].map((status) => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`),
    ...["HTTP/1.1 200 OK\nContent-Length: 2\n\nok\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n"],
    ...[
      "HTTP/1.2 200 OK\r\n\r\n",
      "HTTP/2 200\r\n\r\n",
      "http/1.1 200 OK\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "SSH-2.0-x\r\n",
    ],
    ...[
      "0x2\r\nok\r\n",
      "+2\r\nok\r\n",
      "-2\r\n",
      "2 \r\nok\r\n",
      " 2\r\nok\r\n",
      "\r\n",
      "g\r\n",
      "1000000000000\r\n",
      "2\nok\r\n0\r\n\r\n",
    ].map(
      chunks,
    ),
    ...[
      "2\r\nokk\r\n0\r\n\r\n",
      "2\r\nok0\r\n\r\n",
      "2\r\nok\n0\r\n\r\n",
      "2;\x01\r\nok\r\n",
      "0\r\nA : b\r\n\r\n",
      "0\r\n a\r\n\r\n",
    ].map(
      chunks,
    ),
  ];
  for (const response of refused) assert.throws(() => decode([response]), HttpFault, JSON.stringify(response));
});

Deno.test("ResponseDecoder does not wait for the rest of what cannot become a response", () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const beginnings = [
    "\n",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\n\nok",
    `${chunked}2\nok\n0\n\n`,
    `${chunked}2\r\nok\r\n0\r\n\n`,
    `${chunked}0\r\nA: b\n\n`,
  ];
  for (const beginning of beginnings) {
    assert.throws(() => decode([beginning]), HttpFault, JSON.stringify(beginning));
    assert.throws(() => decode([...beginning]), HttpFault, JSON.stringify(beginning));
  }
});

Deno.test("ResponseDecoder takes blanks around a value away, and no byte of UTF-8 at its end", () => {
  const { head } = decode(["HTTP/1.1 200 OK\r\nA: voil\xc3\xa0\r\nB:\t \xa0\t \r\nContent-Length: 0\r\n\r\n"]);
  assert.deepEqual(head?.rawHeaders.slice(0, 4), ["A", "voil\xc3\xa0", "B", "\xa0"]);
});

Deno.test("ResponseDecoder refuses a line of many blanks as fast as others", () => {
  const startedAtMs = performance.now();
  assert.throws(() => decode([`HTTP/1.1 200 OK\r\nA:${" ".repeat(60_000)}\x01\r\n\r\n`]), HttpFault);
  assert.ok(performance.now() - startedAtMs < 3000);
});

Deno.test("ResponseDecoder holds no more than 64 KiB of a head, of trailers, and 1 KiB of a chunk's size", () => {
  const cases = [
    "HTTP/1.1 200 OK\r\nX: ",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
  ];
  for (const start of cases) {
    assert.throws(() => decode([start, ..."x".repeat(70).split("").map((x) => x.repeat(1000))]), HttpFault, start);
  }
  assert.equal(decode([`HTTP/1.1 200 OK\r\nX: ${"x".repeat(65_000)}\r\n\r\n`]).isWhole, true);
});

Deno.test("ResponseDecoder finds in random bytes a response or a fault, and nothing else", () => {
  const pieces = fc.constantFrom(
    ...[
      "HTTP/1.1 200 OK",
      "HTTP/1.1 100 C",
      "\r\n",
      "\r\n\r\n",
      "Content-Length: 3",
      "Transfer-Encoding: chunked",
      "3\r\nabc",
    ],
    ...["0\r\n", "abc", "\n", "\r", "X: y", ";", "\x00", "\xff"],
  );
  fc.assert(fc.property(fc.array(fc.oneof(pieces, fc.string({ maxLength: 3 }).map(latin1))), (parts) => {
    const outcome = (pushed: readonly string[]) => {
      try {
        return decode(pushed);
      } catch (error) {
        assert.ok(error instanceof HttpFault, String(error));
        return "fault";
      }
    };
    assert.deepEqual(outcome(parts), outcome([parts.join("")]));
  }));
});

function allBytes(): string {
  return String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
}

function latin1(text: string): string {
  return text.replace(/[^\t-\xff]/g, "?");
}
