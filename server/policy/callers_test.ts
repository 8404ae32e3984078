import assert from "node:assert/strict";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { TokenError } from "../auth/token_error.ts";
import { CallerDirectory, type CallerVerifiers } from "./callers.ts";
import type { PolicyCaller } from "./schema.ts";

const ISSUER = "https://login.example.com";
const [SECRET_A, SECRET_B] = ["7e6f0c3a-8d5b-4c2e-9f1a-2b3c4d5e6f70", "8e6f0c3a-8d5b-4c2e-9f1a-2b3c4d5e6f70"];

/** A token whose signature nobody looks at here: that is the verifiers' work. */
function token(claims: Record<string, unknown>): string {
  const part = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  return `${part({ alg: "none" })}.${part(claims)}.x`;
}

function claimsOf(text: string): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(Uint8Array.fromBase64(text.split(".")[1]!, { alphabet: "base64url" })));
}

/** They believe every token whose signature is `x`, and know one secret of tenant 1. */
const verifiers: CallerVerifiers = {
  issuers: {
    verify(text, { issuers }) {
      const claims = claimsOf(text);
      const [wanted] = issuers;
      const isGood = text.endsWith(".x") && claims.aud === (wanted?.audience ?? "relayserver");
      if (!isGood) return Promise.reject(new TokenError("token_invalid", "Cannot accept token"));
      return Promise.resolve({ subject: String(claims.sub), claims });
    },
  },
  clients: {
    verify(text, { scope }) {
      const { tenant_id: tenantId, secret_id: secretId } = claimsOf(text) as Record<string, string>;
      if (!text.endsWith(".x") || tenantId === undefined) {
        return Promise.reject(new TokenError("token_invalid", "Cannot accept token"));
      }
      const verified = { tenantId, tenantName: "x", scope: [scope], expiresAt: 0 };
      return Promise.resolve(secretId === undefined ? verified : { ...verified, secretId });
    },
  },
  secrets: {
    verify: (tenantId, secret) => Promise.resolve(tenantId === "1" && secret === "the-secret" ? SECRET_A : undefined),
  },
};

const CALLERS: Record<string, PolicyCaller> = {
  "any client": { type: "client" },
  "client a": { type: "client", secretIds: [SECRET_A] },
  "key a": { type: "apiKey", secretIds: [SECRET_A] },
  "key b": { type: "apiKey", secretIds: [SECRET_B] },
  "warehouse": { type: "issuer", issuer: ISSUER, claims: { groups: ["warehouse", "stock"], active: true } },
  "readers": { type: "issuer", issuer: ISSUER, claims: { scope: "read" } },
  "for erp": { type: "issuer", issuer: `${ISSUER}/`, audience: "erp", claims: { sub: ["u1", "u2"] } },
};

async function namesOf(value: string, options: { tenantId?: string; isRelaysOwn?: boolean } = {}): Promise<string[]> {
  const { tenantId = "1", isRelaysOwn = true } = options;
  const caller = await new CallerDirectory(CALLERS).identify(tenantId, { value, isRelaysOwn }, verifiers);
  return [...caller?.names ?? []];
}

const foreign = (claims: Record<string, unknown>) => token({ iss: ISSUER, aud: "relayserver", sub: "u9", ...claims });

Deno.test("identify() wants every claim with one of its values", async () => {
  assert.deepEqual(await namesOf(foreign({ groups: ["office", "stock"], active: true })), ["warehouse"]);
  assert.deepEqual(await namesOf(foreign({ groups: "warehouse", active: true })), ["warehouse"]);
  for (
    const claims of [
      ...[{ groups: ["warehouse"] }, { groups: ["warehouse"], active: "true" }, {
        groups: "warehouse office",
        active: true,
      }],
      ...[{ groups: ["Warehouse"], active: true }, { groups: { 0: "warehouse" }, active: true }, { active: true }, {}],
    ]
  ) {
    assert.deepEqual(await namesOf(foreign(claims)), [], JSON.stringify(claims));
  }
});

Deno.test("identify() takes a scope apart, and looks at the audience that a caller names", async () => {
  assert.deepEqual(await namesOf(foreign({ scope: "write read" })), ["readers"]);
  assert.deepEqual(await namesOf(foreign({ scope: "readers" })), []);
  assert.deepEqual(await namesOf(foreign({ aud: "erp", sub: "u1", scope: "read" })), ["for erp"]);
  assert.deepEqual(await namesOf(foreign({ sub: "u1" })), []);
});

Deno.test("identify() believes nobody whose token the issuer has not signed, and no other issuer", async () => {
  const good = foreign({ scope: "read" });
  assert.deepEqual(await namesOf(`${good.slice(0, -1)}y`), []);
  assert.deepEqual(await namesOf(token({ iss: "https://elsewhere.example", aud: "relayserver", scope: "read" })), []);
  assert.deepEqual(await namesOf(token({ aud: "relayserver", scope: "read" })), []);
  for (const text of ["a.b.c", "..", "a.b", "", "null", `${btoa("{}")}.${btoa("null")}.x`]) {
    assert.deepEqual(await namesOf(text).catch(() => []), [], text);
  }
});

Deno.test("identify() knows the tenant's own clients, and by the secret that they got their tokens with", async () => {
  assert.deepEqual(await namesOf(token({ tenant_id: "1" })), ["any client"]);
  assert.deepEqual(await namesOf(token({ tenant_id: "1", secret_id: SECRET_A })), ["any client", "client a"]);
  assert.deepEqual(await namesOf(token({ tenant_id: "1", secret_id: SECRET_B })), ["any client"]);
  assert.deepEqual(await namesOf(token({ tenant_id: "2", secret_id: SECRET_A })), []);
});

Deno.test("identify() knows a secret by its id in any case", async () => {
  const secretIds = [SECRET_A.toUpperCase()];
  const directory = new CallerDirectory({ key: { type: "apiKey", secretIds }, client: { type: "client", secretIds } });
  for (
    const [value, name] of [["the-secret", "key"], [token({ tenant_id: "1", secret_id: SECRET_A }), "client"]] as const
  ) {
    const caller = await directory.identify("1", { value, isRelaysOwn: true }, verifiers);
    assert.deepEqual([...caller?.names ?? []], [name]);
  }
});

Deno.test("identify() takes a secret for an API key in the relay's own header only, and for its own tenant", async () => {
  assert.deepEqual(await namesOf("the-secret"), ["key a"]);
  assert.deepEqual(await namesOf("the-secret", { isRelaysOwn: false }), []);
  assert.deepEqual(await namesOf("the-secret", { tenantId: "2" }), []);
  assert.deepEqual(await namesOf("another-secret"), []);
});

Deno.test("identify() rejects while an issuer's keys cannot be had", async () => {
  const error = new RelayError("authentication_unavailable", "Cannot reach it");
  const away = { ...verifiers, issuers: { verify: () => Promise.reject(error) } };
  const directory = new CallerDirectory(CALLERS);
  const credential = { value: foreign({}), isRelaysOwn: true };
  await assert.rejects(directory.identify("1", credential, away), error);
});
