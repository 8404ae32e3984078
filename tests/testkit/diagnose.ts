/**
 * `diagnose` of the connector's program, run in the test's own process.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { connectorProgram } from "../../connector/cli/program.ts";
import { createConnector } from "../../connector/connector.ts";
import type { StepResult } from "../../connector/diagnose/step.ts";
import { runCli } from "../../shared/cli/mod.ts";
import { testIo } from "../../shared/cli/testing.ts";
import { connectorConfig, type ConnectorOverrides, type TestTargets } from "./connector.ts";
import type { TestTenant } from "./tenants.ts";

/** What the program said. */
export interface Diagnosis {
  /** Its exit code. */
  readonly code: number;
  /** Its standard output. */
  readonly out: string;
  readonly steps: readonly StepResult[];
}

/** A tenant for runs that end before a server is asked for it. */
export const NOBODY: TestTenant = { id: "x", name: "nobody", connectorSecret: "a-secret-value", clientSecret: "" };

/** Runs `diagnose --json` with a configuration file. */
export async function diagnose(
  url: string,
  tenant: TestTenant = NOBODY,
  options: ConnectorOverrides & { readonly targets?: TestTargets } = {},
): Promise<Diagnosis> {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "connector.json");
    await Deno.writeTextFile(file, JSON.stringify(connectorConfig({ url }, tenant, options)));
    const io = testIo();
    const code = await runCli(connectorProgram({ createConnector }), ["diagnose", "--json", "--config", file], io);
    assert.doesNotMatch(io.out() + io.err(), new RegExp(tenant.connectorSecret));
    const { ok, steps } = JSON.parse(io.out());
    assert.equal(ok, code === 0);
    return { code, out: io.out(), steps };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Checks that one step failed, with these words, and that those of the same server after it were skipped. */
export function assertFailedAt(
  { code, steps }: Diagnosis,
  step: string,
  what: { detail: RegExp; advice: RegExp },
): void {
  assert.equal(code, 1);
  const failed = steps.filter(({ state }) => state === "failed");
  assert.deepEqual(failed.map((each) => each.step), [step], JSON.stringify(failed));
  assert.match(failed[0]!.detail, what.detail);
  assert.match(failed[0]!.advice ?? "", what.advice);
  const after = steps.slice(steps.indexOf(failed[0]!) + 1).filter(({ subject }) => subject === failed[0]!.subject);
  for (const { state, detail } of after) assert.deepEqual([state, detail], ["skipped", `after the failure of ${step}`]);
}
