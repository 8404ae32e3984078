import assert from "node:assert/strict";
import { z } from "zod";
import { createSbom, type SbomSubject } from "./sbom.ts";

const hash = z.strictObject({ alg: z.literal("SHA-512"), content: z.string().regex(/^[0-9a-f]{128}$/) });
const license = z.union([
  z.strictObject({ license: z.strictObject({ id: z.string() }) }),
  z.strictObject({ expression: z.string() }),
]);

/** What is used of https://cyclonedx.org/docs/1.6/json/, which allows no other members either. */
const bomSchema = z.strictObject({
  $schema: z.literal("http://cyclonedx.org/schema/bom-1.6.schema.json"),
  bomFormat: z.literal("CycloneDX"),
  specVersion: z.literal("1.6"),
  serialNumber: z.string().regex(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  version: z.literal(1),
  metadata: z.strictObject({
    timestamp: z.iso.datetime(),
    component: z.strictObject({
      type: z.literal("application"),
      "bom-ref": z.string(),
      name: z.string(),
      version: z.string(),
      licenses: z.array(license),
      properties: z.array(z.strictObject({ name: z.string(), value: z.string() })).optional(),
    }),
  }),
  components: z.array(z.strictObject({
    type: z.enum(["library", "platform"]),
    "bom-ref": z.string(),
    group: z.string().optional(),
    name: z.string(),
    version: z.string(),
    purl: z.string().regex(/^pkg:npm\/(?:%40[a-z0-9.-]+\/)?[a-z0-9.-]+@\d/).optional(),
    hashes: z.array(hash).optional(),
    licenses: z.array(license),
  })),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

const integrity = `sha512-${new Uint8Array(64).fill(7).toBase64()}`;

const SUBJECT: SbomSubject = {
  name: "relayserver-connector",
  version: "1.2.3",
  license: "BSD-3-Clause",
  commit: "abc",
  denoVersion: "2.9.6",
  createdAt: new Date(0),
  packages: [
    { id: "@a/b@1.0.0", name: "@a/b", version: "1.0.0", dependencies: ["c@2.0.0"], license: "MIT", integrity },
    { id: "c@2.0.0", name: "c", version: "2.0.0", dependencies: [], license: "(MIT OR Apache-2.0)", integrity },
    { id: "d@3.0.0", name: "d", version: "3.0.0", dependencies: [], integrity },
  ],
};

Deno.test("createSbom() makes a CycloneDX document with every package, its license, digest and dependencies", () => {
  const sbom = bomSchema.parse(createSbom(SUBJECT));
  const [runtime, scoped, plain, unlicensed] = sbom.components;
  assert.deepEqual([runtime?.name, runtime?.version], ["deno", "2.9.6"]);
  assert.deepEqual([scoped?.group, scoped?.name, scoped?.purl], ["@a", "b", "pkg:npm/%40a/b@1.0.0"]);
  assert.equal(scoped?.hashes?.[0]?.content, "07".repeat(64));
  assert.deepEqual(plain?.licenses, [{ expression: "(MIT OR Apache-2.0)" }]);
  assert.deepEqual(unlicensed?.licenses, []);
  assert.deepEqual(sbom.dependencies, [
    { ref: "relayserver-connector@1.2.3", dependsOn: ["deno@2.9.6", "pkg:npm/%40a/b@1.0.0", "pkg:npm/d@3.0.0"] },
    { ref: "deno@2.9.6", dependsOn: [] },
    { ref: "pkg:npm/%40a/b@1.0.0", dependsOn: ["pkg:npm/c@2.0.0"] },
    { ref: "pkg:npm/c@2.0.0", dependsOn: [] },
    { ref: "pkg:npm/d@3.0.0", dependsOn: [] },
  ]);
});

Deno.test("createSbom() refuses a digest it cannot read", () => {
  const packages = [{ ...SUBJECT.packages[0]!, integrity: "md5-x" }];
  assert.throws(() => createSbom({ ...SUBJECT, packages }), /Cannot read integrity/);
});
