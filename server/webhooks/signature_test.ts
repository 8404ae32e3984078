import assert from "node:assert/strict";
import { Webhook as Verifier } from "standardwebhooks";
import { signatureHeaders, webhookKey } from "./signature.ts";
import { makeSecret } from "./testing.ts";

Deno.test("signatureHeaders() signs so that the reference library of Standard Webhooks accepts it, and nothing else", async () => {
  const secret = makeSecret();
  const body = JSON.stringify({ type: "tenant.online", data: { tenantName: "Küche" } });
  const timestampSeconds = Math.floor(Date.now() / 1_000);
  const headers = await signatureHeaders(webhookKey(secret)!, { id: "msg_1", timestampSeconds, body });
  assert.deepEqual(new Verifier(secret).verify(body, headers), JSON.parse(body));
  assert.throws(() => new Verifier(secret).verify(body.replace("online", "offline"), headers));
  assert.throws(() => new Verifier(secret).verify(body, { ...headers, "webhook-id": "msg_2" }));
  assert.throws(() => new Verifier(makeSecret()).verify(body, headers));
});

Deno.test("webhookKey() takes the keys that the specification allows", () => {
  const secretOf = (bytes: number) => `whsec_${new Uint8Array(bytes).toBase64()}`;
  assert.deepEqual([23, 24, 64, 65].map((bytes) => webhookKey(secretOf(bytes))?.length), [
    undefined,
    24,
    64,
    undefined,
  ]);
  for (
    const secret of [
      "",
      "whsec_",
      "secret",
      "whsec_!!!!",
      secretOf(32).slice("whsec_".length),
      "whsec_A===" + "A".repeat(40),
    ]
  ) {
    assert.equal(webhookKey(secret), undefined, secret);
  }
});
