import assert from "node:assert/strict";
import { endToEndHeaders } from "./headers.ts";
import type { HeaderLine } from "./message.ts";
import { withoutSessionCookie } from "./session_cookie.ts";

Deno.test("withoutSessionCookie() takes the session out of cookies and leaves the others byte for byte", () => {
  const cases: [string, string | undefined][] = [
    ["relayserver_session=abc", undefined],
    ["relayserver_session=abc; other=1", "other=1"],
    ["other=1; relayserver_session=abc", "other=1"],
    ["a=1;relayserver_session=abc;b=2", "a=1;b=2"],
    ["a=1; relayserver_session=x; relayserver_session=y", "a=1"],
    ["relayserver_session", undefined],
    ["relayserver_session =abc", undefined],
    ["a=1;  b=2 ;c", "a=1;  b=2 ;c"],
    ["relayserver_session2=abc; x_relayserver_session=1", "relayserver_session2=abc; x_relayserver_session=1"],
    ["a=relayserver_session=abc", "a=relayserver_session=abc"],
    ["", ""],
  ];
  for (const [value, expected] of cases) {
    const line = withoutSessionCookie(["Cookie", value], "cookie");
    assert.deepEqual(line, expected === undefined ? undefined : ["Cookie", expected], value);
  }
});

Deno.test("endToEndHeaders() lets no session of the management web through, in either direction", () => {
  const lines: HeaderLine[] = [
    ["Cookie", "relayserver_session=abc; a=1"],
    ["COOKIE", "relayserver_session=abc"],
    ["Set-Cookie", "relayserver_session=evil; Path=/"],
    ["Set-Cookie", "a=relayserver_session"],
    ["X-Cookie", "relayserver_session=abc"],
  ];
  assert.deepEqual(endToEndHeaders(lines), [["Cookie", "a=1"], lines[3], lines[4]]);
});
