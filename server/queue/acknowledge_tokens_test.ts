import assert from "node:assert/strict";
import { AcknowledgeTokens } from "./acknowledge_tokens.ts";

const KEY = new Uint8Array(32).fill(7);
const REQUEST = { tenantId: crypto.randomUUID(), requestId: crypto.randomUUID() };
const PLACE = { base: "https://relay.example.com", originId: "origin" };

function tokenOf(tokens: AcknowledgeTokens): string {
  return new URL(tokens.urlFor(REQUEST, PLACE)).searchParams.get("token")!;
}

Deno.test("urlFor() makes a URL below the base, with a token that verify() takes for that request", () => {
  const tokens = new AcknowledgeTokens(KEY);
  const url = tokens.urlFor(REQUEST, PLACE);
  assert.ok(url.startsWith(`https://relay.example.com/acknowledge/origin/${REQUEST.requestId}?token=`), url);
  assert.deepEqual(tokens.verify(REQUEST.requestId, tokenOf(tokens)), REQUEST);
});

Deno.test("verify() takes the token of another origin with the same key", () => {
  assert.deepEqual(
    new AcknowledgeTokens(KEY.slice()).verify(REQUEST.requestId, tokenOf(new AcknowledgeTokens(KEY))),
    REQUEST,
  );
});

Deno.test("verify() refuses every other request, tenant, key and form", () => {
  const tokens = new AcknowledgeTokens(KEY);
  const token = tokenOf(tokens);
  assert.equal(tokens.verify(crypto.randomUUID(), token), undefined);
  assert.equal(tokens.verify(REQUEST.requestId, token.replace(REQUEST.tenantId, crypto.randomUUID())), undefined);
  assert.equal(new AcknowledgeTokens(new Uint8Array(32)).verify(REQUEST.requestId, token), undefined);
  for (const bad of ["", ".", token.slice(0, -1), `${token}A`, token.replace(".", ""), `${REQUEST.tenantId}.`]) {
    assert.equal(tokens.verify(REQUEST.requestId, bad), undefined, bad);
  }
  assert.equal(tokens.verify("../x", token), undefined);
});
