import assert from "node:assert/strict";
import fc from "fast-check";
import { fold, isSurelyBelow, mayBeBelow, parsePathPrefix, type PathReadings, readPath } from "./path.ts";

function read(path: string): PathReadings {
  return readPath(path) ?? assert.fail(`${path} has no readings`);
}

const isAllowed = (path: string, prefix: string) => isSurelyBelow(read(path), parsePathPrefix(prefix));
const isDenied = (path: string, prefix: string) => mayBeBelow(read(path), fold(parsePathPrefix(prefix)));

Deno.test("isSurelyBelow() counts whole segments", () => {
  for (
    const path of ["/api", "/api/", "/api/x", "/api?x=/admin", "/api//x", "/a%70i/x", "/api/%2e%2ex", "/api/a%2Fb"]
  ) {
    assert.ok(isAllowed(path, "/api"), path);
    assert.ok(isAllowed(path, "/api/"), path);
    assert.ok(isAllowed(path, "/"), path);
  }
  for (
    const path of ["", "/", "?/api", "/apix", "/api.", "/API", "//api", "/x/api", "/api%20", "/api%2Fx", "/api;x/y"]
  ) {
    assert.ok(!isAllowed(path, "/api"), path);
  }
  assert.ok(isAllowed("", "/") && isAllowed("?x", "/"));
});

Deno.test("isSurelyBelow() wants the prefix at every level of escapes", () => {
  assert.ok(isAllowed("/api/100%25", "/api"));
  assert.ok(isAllowed("/api/%2561", "/api"));
  assert.ok(!isAllowed("/%2561pi/x", "/api"));
  assert.ok(!isAllowed("/api%252Fx", "/api"));
});

Deno.test("mayBeBelow() finds a prefix however it is written", () => {
  const spellings = [
    ...[
      "/admin",
      "/admin/",
      "/ADMIN/x",
      "//admin",
      "/%61dmin",
      "/%2561dmin",
      "/%25252561dmin",
      "/admin;a=b/x",
      "/;x/admin/",
    ],
    ...[
      "\\admin\\x",
      "/%5cadmin",
      "/admin./",
      "/admin%20/x",
      "/admin%2Fx",
      "/admin%252Fx",
      "/%EF%BC%A1dmin",
    ],
    ...["/%EF%BC%8Fadmin", "/admin.%20.", "/admin%3Bx", "/admin%2e/x"],
  ];
  for (const path of spellings) assert.ok(isDenied(path, "/admin"), path);
  for (const path of ["/", "", "/administrators", "/x/admin", "/?/admin", "/admin-", "/a/dmin"]) {
    assert.ok(!isDenied(path, "/admin"), path);
  }
});

Deno.test("readPath() gives up on what no two servers read alike", () => {
  const paths = [
    ...[
      "/api/%252e%252e/admin",
      "/api/%252E./admin",
      "/api/.%25252e/x",
      "/api/%25252525252e/x",
      "/x%00",
      "/x%2500",
      "/x%0a",
    ],
    ...[
      "/%c0%ae%c0%ae/x",
      "/%c0%afadmin",
      "/%e0%80%afadmin",
      "/%f0%80%80%af",
      "/%u002e%u002e/x",
      "/%25u002fx",
      "/%ef%bc%8e%ef%bc%8e/x",
    ],
    ...["/%e2%80%a5/x", "/a%3F/%252e%252e/x", "/x%255c..%255cadmin"],
  ];
  for (const path of paths) assert.equal(readPath(path), undefined, path);
});

Deno.test("readPath() reads UTF-8, escaped or not, latin1 where it is none, and leaves malformed escapes alone", () => {
  assert.deepEqual(read("/b%C3%BCro").exact, ["/büro"]);
  assert.deepEqual(read("/b\xc3\xbcro").exact, ["/büro"]);
  assert.deepEqual(read("/b%FCro").exact, ["/büro"]);
  assert.deepEqual(read("/100%/%zz").exact, ["/100%/%zz"]);
  assert.deepEqual(read("/a%2fb").exact, ["/a%2fb", "/a/b"]);
});

Deno.test("parsePathPrefix() decodes once, and throws for what could be read in two ways", () => {
  assert.equal(parsePathPrefix("/my%20files/"), "/my files");
  assert.equal(parsePathPrefix("/my files"), "/my files");
  assert.equal(parsePathPrefix("/büro/"), parsePathPrefix("/b%C3%BCro"));
  assert.equal(parsePathPrefix("/"), "");
  for (
    const text of [
      "",
      "api",
      "/a/../b",
      "/a//b",
      "/a?b",
      "/a#b",
      "/a;b",
      "/a\\b",
      "/a%2Fb",
      "/%2561",
      "/a%00",
      "/%2e%2e/",
    ]
  ) {
    assert.throws(() => parsePathPrefix(text), RangeError, text);
  }
});

/** Spellings of a text that servers decode to it. */
function spelled(text: string): fc.Arbitrary<string> {
  const hex = (character: string) => character.charCodeAt(0).toString(16).padStart(2, "0");
  const forms = (character: string) =>
    character === "/"
      ? fc.constantFrom("/", "//", "/;x=1/", "%2f", "%2F", "\\", "%5c", "%252f", ";y/")
      : fc.constantFrom(character, character.toUpperCase(), `%${hex(character)}`, `%25${hex(character)}`);
  return fc.tuple(...Array.from(text, forms)).map((parts) => `/${parts.join("")}`);
}

Deno.test("mayBeBelow() is not got round by any mixture of escapes, separators and case", () => {
  fc.assert(
    fc.property(spelled("/admin/users"), (path) => {
      const readings = readPath(path);
      assert.ok(readings === undefined || mayBeBelow(readings, "/admin"), path);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("isSurelyBelow() never holds where a server that decodes and resolves would end elsewhere", () => {
  const part = fc.constantFrom(
    "/",
    "api",
    "admin",
    "..",
    ".",
    "%2e",
    "%252e",
    "%2f",
    "%5c",
    "\\",
    ";",
    "%25",
    "2e",
    "%",
    "?",
    "%3f",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const path = `/${parts.join("")}`;
      const readings = readPath(path);
      if (readings === undefined || !isSurelyBelow(readings, "/api")) return;
      let level = path.split("?", 1)[0]!;
      for (let count = 0; count < 5; count++) {
        const { pathname } = new URL(
          `http://h${level.replaceAll("\\", "/").replaceAll("?", "%3f").replaceAll(";", "/")}`,
        );
        assert.match(pathname.replace(/\/+/g, "/"), /^\/api(\/|$)/, `${path} after ${count} levels`);
        level = level.replaceAll(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
      }
    }),
    { numRuns: 5_000 },
  );
});
