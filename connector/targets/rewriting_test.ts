import assert from "node:assert/strict";
import type { HeaderLines, RelayRequest, RelayResponse } from "../../shared/http/message.ts";
import { RewritingTarget } from "./rewriting.ts";
import { relayRequest, targetContext } from "./testkit.ts";

interface Situation {
  readonly url?: string;
  readonly publicPath?: string;
  readonly publicHost?: string;
}

/** One header line of a target's response, as the client gets it. */
async function rewritten(line: readonly [string, string], situation: Situation = {}): Promise<string> {
  const { url = "http://erp.local:5000/", publicPath = "/relay/acme/erp", publicHost = "relay.example" } = situation;
  const inner = {
    handle: (_request: RelayRequest): Promise<RelayResponse> =>
      Promise.resolve({ status: 200, headers: [["X-A", "/x"], line] as HeaderLines, body: null }),
  };
  const target = new RewritingTarget(inner, { url, publicPath: () => publicPath });
  const response = await target.handle(relayRequest({ headers: [["X-Forwarded-Host", publicHost]] }), targetContext());
  assert.deepEqual(response.headers[0], ["X-A", "/x"]);
  assert.equal(response.headers[1]![0], line[0]);
  return response.headers[1]![1];
}

const BASE = { url: "http://erp.local:5000/app" };
const HOST_ROUTED = { publicPath: "", publicHost: "erp--acme.relay.example" };

const ADDRESSES: readonly (readonly [from: string, to: string, situation?: Situation])[] = [
  ["/login?next=%2Fa#b", "/relay/acme/erp/login?next=%2Fa#b"],
  ["/", "/relay/acme/erp/"],
  ["login", "login"],
  ["../x", "../x"],
  ["?page=2", "?page=2"],
  ["", ""],
  ["http://erp.local:5000/login", "/relay/acme/erp/login"],
  ["http://erp.local:5000", "/relay/acme/erp/"],
  ["http://erp.local:5000?x", "/relay/acme/erp/?x"],
  ["HTTP://ERP.local:5000/Login", "/relay/acme/erp/Login"],
  ["https://erp.local:5000/login", "/relay/acme/erp/login"],
  ["//erp.local:5000/login", "/relay/acme/erp/login"],
  ["https://relay.example/login", "/relay/acme/erp/login"],
  ["https://relay.example/relay/acme/erp/login", "https://relay.example/relay/acme/erp/login"],
  ["/relay/acme/erp/login", "/relay/acme/erp/login"],
  ["/relay/acme/erp2/login", "/relay/acme/erp/relay/acme/erp2/login"],
  ["http://erp.local/login", "http://erp.local/login"],
  ["http://user@erp.local:5000/", "http://user@erp.local:5000/"],
  ["https://login.example/?back=http://erp.local:5000/", "https://login.example/?back=http://erp.local:5000/"],
  ["//evil.example/x", "//evil.example/x"],
  ["mailto:a@b", "mailto:a@b"],
  ["http://[", "http://["],
  ["/app/login", "/relay/acme/erp/login", BASE],
  ["/app", "/relay/acme/erp/", BASE],
  ["/app?x", "/relay/acme/erp?x", BASE],
  ["/apple", "/apple", BASE],
  ["/other", "/other", BASE],
  ["http://erp.local:5000/app/x", "/relay/acme/erp/x", BASE],
  ["/login", "/login", HOST_ROUTED],
  ["http://erp.local:5000/login", "/login", HOST_ROUTED],
  ["/app/login", "/login", { ...BASE, ...HOST_ROUTED }],
];
for (const [from, to, situation] of ADDRESSES) {
  Deno.test(`RewritingTarget makes Location ${from} to ${to}${situation === undefined ? "" : ` with ${JSON.stringify(situation)}`}`, async () => {
    assert.equal(await rewritten(["Location", from], situation), to);
    assert.equal(await rewritten(["content-location", from], situation), to);
  });
}

const REFRESHES: readonly (readonly [from: string, to: string])[] = [
  ["5", "5"],
  ["0; url=/login", "0; url=/relay/acme/erp/login"],
  ['0;URL="http://erp.local:5000/a"', '0;URL="/relay/acme/erp/a"'],
  ["3, '/a'", "3, '/relay/acme/erp/a'"],
  ["0; url=https://other.example/", "0; url=https://other.example/"],
  ["0; url=/voil\xc3\xa0", "0; url=/relay/acme/erp/voil\xc3\xa0"],
];
for (const [from, to] of REFRESHES) {
  Deno.test(`RewritingTarget makes Refresh ${from} to ${to}`, async () => {
    assert.equal(await rewritten(["Refresh", from]), to);
  });
}

const COOKIES: readonly (readonly [from: string, to: string, situation?: Situation])[] = [
  ["a=b", "a=b"],
  ["a=b; Path=/; HttpOnly", "a=b; Path=/relay/acme/erp; HttpOnly"],
  ["a=b;path=/x", "a=b;path=/relay/acme/erp/x"],
  ["a=b; Path=/relay/acme/erp/x", "a=b; Path=/relay/acme/erp/x"],
  ["a=b; Path=x", "a=b; Path=x"],
  ["a=/; Path=/x; Secure", "a=/; Path=/relay/acme/erp/x; Secure"],
  ["path=/; Path=/", "path=/; Path=/relay/acme/erp"],
  ["a=b; Domain=erp.local; Path=/", "a=b; Path=/relay/acme/erp"],
  ["a=b; Domain=.local", "a=b"],
  ["a=b; domain=relay.example", "a=b; domain=relay.example"],
  ["a=b; Domain=other.example", "a=b; Domain=other.example"],
  ["__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"],
  ["a=b; Path=/app/x", "a=b; Path=/relay/acme/erp/x", BASE],
  ["a=b; Path=/", "a=b; Path=/", BASE],
  ["a=b; Path=/", "a=b; Path=/", HOST_ROUTED],
  ["a=b; Path=/app", "a=b; Path=/", { ...BASE, ...HOST_ROUTED }],
];
for (const [from, to, situation] of COOKIES) {
  Deno.test(`RewritingTarget makes Set-Cookie ${from} to ${to}${situation === undefined ? "" : ` with ${JSON.stringify(situation)}`}`, async () => {
    assert.equal(await rewritten(["Set-Cookie", from], situation), to);
  });
}

Deno.test("RewritingTarget takes no longer for an address with many blanks in it", async () => {
  const blanks = " ".repeat(60_000);
  const startedAtMs = performance.now();
  for (const line of [["Refresh", `0;url=x${blanks}y`], ["Set-Cookie", `a=b; Path=x${blanks}y`]] as const) {
    assert.equal(await rewritten(line), line[1]);
  }
  assert.ok(performance.now() - startedAtMs < 3000);
});
