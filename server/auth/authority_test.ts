import assert from "node:assert/strict";
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { turn } from "../../shared/protocol/testing.ts";
import { TestClock } from "../persistence/testing.ts";
import { Authority } from "./authority.ts";
import { withCode } from "./testing.ts";
import { TrustedIssuers } from "./trusted_issuers.ts";

const ISSUER = "https://login.example/realms/sites";
const AUDIENCE = "relayserver";
const METADATA_URL = `${ISSUER}/.well-known/openid-configuration`;
const KEYS_URL = "https://keys.example/jwks";

type Answer = () => Response | Promise<Response>;

interface Key {
  readonly jwk: JWK;
  readonly sign: (claims?: Record<string, unknown>, header?: Record<string, unknown>) => Promise<string>;
}

/** An authority whose documents the test writes, and its clock. */
class Site implements Disposable {
  readonly clock = new TestClock();
  readonly requests: string[] = [];
  readonly answers: Record<string, Answer>;
  readonly authority: Authority;
  keys: JWK[] = [];

  constructor() {
    this.answers = {
      [METADATA_URL]: () => Response.json({ issuer: ISSUER, jwks_uri: KEYS_URL }),
      [KEYS_URL]: () => Response.json({ keys: this.keys }),
    };
    const { now, monotonicNow } = this.clock;
    this.authority = new Authority({ issuer: ISSUER, fetch: this.fetch, now, monotonicNow });
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const url = String(input);
    this.requests.push(url);
    assert.equal(init?.redirect, "error");
    const answer = this.answers[url];
    if (answer === undefined) throw new TypeError("no such host");
    return await answer();
  };

  /** Makes a key and publishes it. */
  async addKey(alg = "ES256", members: Partial<JWK> = { kid: crypto.randomUUID() }): Promise<Key> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...await exportJWK(publicKey), ...members };
    this.keys.push(jwk);
    const sign: Key["sign"] = (claims = {}, header = {}) => {
      const now = this.clock.now() / 1_000;
      return new SignJWT({ iss: ISSUER, aud: AUDIENCE, sub: "site", exp: now + 86_400, ...claims })
        .setProtectedHeader({ alg, ...(jwk.kid === undefined ? {} : { kid: jwk.kid }), ...header })
        .sign(privateKey);
    };
    return { jwk, sign };
  }

  verify(token: string) {
    return this.authority.verify(token, { audience: AUDIENCE });
  }

  fail(): void {
    this.answers[METADATA_URL] = () => Promise.reject(new TypeError("connection refused"));
  }

  recover(): void {
    this.answers[METADATA_URL] = () => Response.json({ issuer: ISSUER, jwks_uri: KEYS_URL });
  }

  [Symbol.dispose](): void {
    this.authority[Symbol.dispose]();
  }
}

const unavailable = withCode("authentication_unavailable");

for (const alg of ["RS256", "RS512", "PS256", "PS384", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]) {
  Deno.test(`verify() takes signatures by ${alg}`, async () => {
    using site = new Site();
    const { sign } = await site.addKey(alg);
    assert.equal((await site.verify(await sign())).sub, "site");
  });
}

Deno.test("verify() fetches the keys once, however many tokens come at once", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  const tokens = await Promise.all(Array.from({ length: 20 }, () => sign()));
  await Promise.all(tokens.map((token) => site.verify(token)));
  assert.deepEqual(site.requests, [METADATA_URL, KEYS_URL]);
});

Deno.test("verify() finds the key among several when the token does not name it", async () => {
  using site = new Site();
  await site.addKey("ES256", {});
  const { sign } = await site.addKey("ES256", {});
  const stranger = new Site();
  const { sign: forge } = await stranger.addKey("ES256", {});
  await site.verify(await sign());
  await assert.rejects(site.verify(await sign({ aud: "other" })), withCode("token_invalid", /"aud"/));
  await assert.rejects(site.verify(await forge()), withCode("token_invalid"));
});

Deno.test("verify() fetches the keys for an unknown one at once, but not for every token", async () => {
  using site = new Site();
  const first = await site.addKey();
  await site.verify(await first.sign());
  const second = await site.addKey();
  await site.verify(await second.sign());
  assert.equal(site.requests.length, 4);
  for (let index = 0; index < 20; index++) {
    await assert.rejects(site.verify(await first.sign({}, { kid: `made up ${index}` })), withCode("token_invalid"));
  }
  assert.equal(site.requests.length, 4);
  site.clock.advance(5_000);
  await assert.rejects(site.verify(await first.sign({}, { kid: "made up" })), withCode("token_invalid"));
  assert.equal(site.requests.length, 6);
});

Deno.test("verify() does not accept a key for long that the authority no longer publishes", async () => {
  using site = new Site();
  const stolen = await site.addKey();
  const token = await stolen.sign();
  await site.verify(token);
  site.keys = [];
  const { sign } = await site.addKey();
  site.clock.advance(600_000);
  // The keys are old: they are fetched in the background, which the first token does not wait for.
  await site.verify(token);
  await site.verify(await sign());
  await assert.rejects(site.verify(token), withCode("token_invalid"));
});

Deno.test("verify() fetches the keys again as soon although the clock was set back", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  const token = await sign();
  await site.verify(token);
  site.clock.setBack(3_600_000);
  site.clock.advance(600_000);
  await site.verify(token);
  await turn();
  assert.equal(site.requests.length, 4);
});

Deno.test("the keys that were fetched last count while the authority is away, and it is asked with growing delays", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  await site.verify(await sign());
  site.fail();
  for (const [advanceMs, requests] of [[600_000, 3], [499, 3], [1, 4], [999, 4], [1, 5], [1_999, 5], [1, 6]] as const) {
    site.clock.advance(advanceMs);
    await site.verify(await sign());
    // What is fetched in the background waits for nothing but promises.
    await turn();
    assert.equal(site.requests.length, requests, `after ${advanceMs} ms`);
  }
  site.recover();
  site.clock.advance(60_000);
  await site.verify(await sign());
  await turn();
  assert.equal(site.requests.length, 8);
});

Deno.test("verify() says authentication_unavailable, and when to try again, while there are no keys yet", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  const token = await sign();
  site.fail();
  await assert.rejects(site.verify(token), unavailable);
  await assert.rejects(site.verify(token), unavailable);
  assert.equal(site.requests.length, 1);
  for (let failures = 1; failures < 10; failures++) {
    site.clock.advance(60_000);
    await assert.rejects(
      site.verify(token),
      (error) =>
        error instanceof RelayError && error.retryAfterSeconds === Math.min(60, Math.ceil(0.5 * 2 ** failures)),
    );
  }
  site.recover();
  site.clock.advance(60_000);
  await site.verify(token);
});

Deno.test("start() tries on by itself until it has the keys", async () => {
  const clock = new TestClock();
  const asked = Promise.withResolvers<void>();
  let count = 0;
  const failing: typeof fetch = () => {
    if (++count === 3) asked.resolve();
    return Promise.reject(new TypeError("connection refused"));
  };
  using authority = new Authority({ issuer: ISSUER, fetch: failing, now: clock.now, times: { retryMinimumMs: 1 } });
  authority.start();
  await asked.promise;
});

const BROKEN: Readonly<Record<string, (site: Site) => void>> = {
  "metadata of another issuer": ({ answers }) =>
    answers[METADATA_URL] = () => Response.json({ issuer: "https://elsewhere.example", jwks_uri: KEYS_URL }),
  "keys over http": ({ answers }) =>
    answers[METADATA_URL] = () => Response.json({ issuer: ISSUER, jwks_uri: "http://keys.example/jwks" }),
  "keys at an address of this machine, from an authority elsewhere": ({ answers, keys }) => {
    const local = "http://127.0.0.1:8081/metrics";
    answers[METADATA_URL] = () => Response.json({ issuer: ISSUER, jwks_uri: local });
    answers[local] = () => Response.json({ keys });
  },
  "keys in a file": ({ answers }) =>
    answers[METADATA_URL] = () => Response.json({ issuer: ISSUER, jwks_uri: "file:///etc/passwd" }),
  "metadata that is no JSON": ({ answers }) => answers[METADATA_URL] = () => new Response("<html>"),
  "metadata without keys": ({ answers }) => answers[METADATA_URL] = () => Response.json({ issuer: ISSUER }),
  "an error page": ({ answers }) => answers[METADATA_URL] = () => Response.json({ issuer: ISSUER }, { status: 500 }),
  "keys that are no list": ({ answers }) => answers[KEYS_URL] = () => Response.json({ keys: {} }),
  "keys without type": ({ answers }) => answers[KEYS_URL] = () => Response.json({ keys: [{}] }),
  "too many keys": ({ answers }) =>
    answers[KEYS_URL] = () => Response.json({ keys: Array.from({ length: 101 }, () => ({ kty: "EC" })) }),
  "keys without end": ({ answers }) => {
    const endless = () =>
      new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(0x20)) });
    answers[KEYS_URL] = () => new Response(endless());
  },
};
for (const [fault, breakIt] of Object.entries(BROKEN)) {
  Deno.test(`verify() does not use ${fault}`, async () => {
    using site = new Site();
    const { sign } = await site.addKey();
    breakIt(site);
    await assert.rejects(site.verify(await sign()), unavailable);
  });
}

Deno.test("verify() takes an issuer with and without a slash at its end, as the authority spells it", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  site.answers[METADATA_URL] = () => Response.json({ issuer: `${ISSUER}/`, jwks_uri: KEYS_URL });
  await site.verify(await sign({ iss: `${ISSUER}/` }));
  await assert.rejects(site.verify(await sign()), withCode("token_invalid", /"iss"/));
});

Deno.test("TrustedIssuers.verify() asks nobody but the issuers it was given", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  using trusted = new TrustedIssuers({ fetch: site.fetch, now: site.clock.now, audience: AUDIENCE });
  const invalid = withCode("token_invalid");
  const elsewhere = [{ issuer: "https://elsewhere.example" }];
  await assert.rejects(trusted.verify(await sign(), { issuers: elsewhere }), invalid);
  await assert.rejects(
    trusted.verify(await sign({ iss: "https://169.254.169.254" }), { issuers: [{ issuer: ISSUER }] }),
    invalid,
  );
  await assert.rejects(trusted.verify(await sign({ iss: undefined }), { issuers: [{ issuer: ISSUER }] }), invalid);
  await assert.rejects(trusted.verify("nonsense", { issuers: [{ issuer: ISSUER }] }), invalid);
  const inside = { issuer: "http://169.254.169.254/latest" };
  await assert.rejects(trusted.verify(await sign({ iss: inside.issuer }), { issuers: [inside] }), invalid);
  assert.deepEqual(site.requests, []);

  const token = await sign({ scope: "orders.read", groups: ["staff"] });
  const { claims, ...verified } = await trusted.verify(token, { issuers: [...elsewhere, { issuer: `${ISSUER}/` }] });
  assert.deepEqual(verified, {
    issuer: `${ISSUER}/`,
    subject: "site",
    scope: ["orders.read"],
    expiresAt: site.clock.now() + 86_400_000,
  });
  assert.deepEqual(claims.groups, ["staff"]);
  assert.deepEqual(site.requests, [METADATA_URL, KEYS_URL]);
});

Deno.test("TrustedIssuers.verify() wants the audience of the issuer", async () => {
  using site = new Site();
  const { sign } = await site.addKey();
  using trusted = new TrustedIssuers({ fetch: site.fetch, now: site.clock.now, audience: AUDIENCE });
  const issuers = [{ issuer: ISSUER, audience: "shop" }];
  await assert.rejects(trusted.verify(await sign(), { issuers }), withCode("token_invalid", /"aud"/));
  await trusted.verify(await sign({ aud: ["shop", "else"] }), { issuers });
});

Deno.test("TrustedIssuers keeps the keys of a hundred issuers", () => {
  const site = new Site();
  using trusted = new TrustedIssuers({ fetch: site.fetch, now: site.clock.now, audience: AUDIENCE });
  const first = trusted.authority("https://login0.example");
  for (let index = 1; index < 100; index++) trusted.authority(`https://login${index}.example`);
  assert.equal(trusted.authority("https://login0.example/"), first);
  trusted.authority("https://login100.example");
  assert.equal(trusted.authority("https://login0.example"), first);
  const second = trusted.authority("https://login1.example");
  assert.notEqual(second, first);
});

/** Keys that an authority may publish and nobody can use. */
const UNUSABLE: Readonly<Record<string, JWK>> = {
  "is too short": { kty: "RSA", n: "vw".repeat(85), e: "AQAB" },
  "lacks a part": { kty: "RSA", e: "AQAB" },
  "is no base64": { kty: "RSA", n: "!", e: "AQAB" },
};

for (const [fault, unusable] of Object.entries(UNUSABLE)) {
  Deno.test(`verify() rejects a token with token_invalid when its key ${fault}`, async () => {
    using site = new Site();
    const { sign } = await site.addKey("RS256");
    site.keys[0] = { ...unusable, kid: site.keys[0]!.kid! };
    await assert.rejects(site.authority.verify(await sign(), { audience: AUDIENCE }), withCode("token_invalid"));
  });
}

Deno.test("verify() takes a token without a key id when another key is too short", async () => {
  using site = new Site();
  site.keys.push(UNUSABLE["is too short"]!);
  const { sign } = await site.addKey("RS256", {});
  assert.equal((await site.authority.verify(await sign(), { audience: AUDIENCE })).sub, "site");
});
