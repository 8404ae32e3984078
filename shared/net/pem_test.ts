import assert from "node:assert/strict";
import { certificateProblem } from "./pem.ts";
import { TEST_CERTIFICATE } from "./testing.ts";

const BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

Deno.test("certificateProblem() takes one certificate or several, with text and broken ones around them", () => {
  assert.equal(certificateProblem(BROKEN + TEST_CERTIFICATE), undefined);
  assert.equal(certificateProblem(TEST_CERTIFICATE), undefined);
  assert.equal(
    certificateProblem(`# our own\r\n${TEST_CERTIFICATE}\n${TEST_CERTIFICATE.replaceAll("\n", "\r\n")}`),
    undefined,
  );
});

Deno.test("certificateProblem() names what is no certificate, or only broken ones", () => {
  for (const text of ["", "{}", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"]) {
    assert.match(certificateProblem(text) ?? "", /no certificate \(PEM\)/);
  }
  assert.match(certificateProblem(BROKEN) ?? "", /cannot be read/);
});
