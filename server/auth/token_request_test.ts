import assert from "node:assert/strict";
import { withCode } from "./testing.ts";
import { parseTokenRequest } from "./token_request.ts";

const GRANT = "grant_type=client_credentials";

function basic(text: string, scheme = "Basic"): string {
  return `${scheme} ${new TextEncoder().encode(text).toBase64()}`;
}

Deno.test("parseTokenRequest() reads credentials from the body", () => {
  assert.deepEqual(parseTokenRequest(`${GRANT}&client_id=acme&client_secret=a%2Bb+c&scope=connector`, undefined), {
    clientId: "acme",
    clientSecret: "a+b c",
    scope: ["connector"],
  });
});

Deno.test("parseTokenRequest() reads form-encoded credentials from the header", () => {
  const request = parseTokenRequest(GRANT, basic("a%3Ac.me:s%3Aecr+t%2B%C3%A9:x"));
  assert.deepEqual(request, { clientId: "a:c.me", clientSecret: "s:ecr t+é:x", scope: [] });
  assert.equal(parseTokenRequest(GRANT, basic("acme:s", "bAsIc ")).clientId, "acme");
  assert.equal(parseTokenRequest(`${GRANT}&client_id=acme`, basic("acme:s")).clientSecret, "s");
});

Deno.test("parseTokenRequest() takes empty parameters as absent, and several scopes", () => {
  assert.deepEqual(parseTokenRequest(`${GRANT}&scope=&client_secret=`, basic("acme:s")).scope, []);
  assert.deepEqual(parseTokenRequest(`${GRANT}&scope=connector++client`, basic("a:s")).scope, ["connector", "client"]);
});

Deno.test("parseTokenRequest() refuses what is not a token request", () => {
  const inBody = "client_id=a&client_secret=s";
  const cases: [body: string, authorization: string | undefined, code: string][] = [
    ["", undefined, "invalid_request"],
    [inBody, undefined, "invalid_request"],
    [`grant_type=&${inBody}`, undefined, "invalid_request"],
    [`grant_type=password&${inBody}`, undefined, "unsupported_grant_type"],
    [`${GRANT}&${GRANT}&${inBody}`, undefined, "invalid_request"],
    [`${GRANT}&${inBody}&client_id=b`, undefined, "invalid_request"],
    [`${GRANT}&${inBody}`, basic("a:s"), "invalid_request"],
    [`${GRANT}&client_id=b`, basic("a:s"), "invalid_request"],
    [GRANT, undefined, "invalid_client"],
    [`${GRANT}&client_id=a`, undefined, "invalid_client"],
    [`${GRANT}&client_secret=s`, undefined, "invalid_client"],
    [`${GRANT}&client_id=a&client_secret=`, undefined, "invalid_client"],
    [GRANT, "", "invalid_client"],
    [GRANT, "Bearer abc", "invalid_client"],
    [GRANT, "Basic", "invalid_client"],
    [GRANT, "Basic a", "invalid_client"],
    [GRANT, "Basic ====", "invalid_client"],
    [GRANT, "Basic /w==", "invalid_client"],
    [GRANT, basic("acme"), "invalid_client"],
    [GRANT, basic(":s"), "invalid_client"],
    [GRANT, basic("a:"), "invalid_client"],
    [GRANT, basic("a:%zz"), "invalid_client"],
  ];
  for (const [body, authorization, code] of cases) {
    assert.throws(() => parseTokenRequest(body, authorization), withCode(code), `${body} ${authorization}`);
  }
});
