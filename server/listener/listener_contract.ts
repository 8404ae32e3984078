/**
 * What every listener does: one suite, which each implementation runs from its own test file.
 *
 * @module
 */

import { answerCases } from "./answer_contract.ts";
import { bodyCases } from "./body_contract.ts";
import { connectionCases } from "./connection_contract.ts";
import { type Outcomes, testFraming } from "./framing_contract.ts";
import { requestCases } from "./request_contract.ts";
import type { Listen, ListenerCases } from "./testing.ts";
import { upgradeCases } from "./upgrade_contract.ts";

/** How the suite is run. */
export interface ListenerContractOptions {
  /** Which column of the framing table holds. */
  readonly outcomes: Outcomes;
  /** Cases that this listener cannot pass, by their names, each with the reason. */
  readonly skip?: Readonly<Record<string, string>>;
}

const CASES: ListenerCases = {
  ...requestCases,
  ...bodyCases,
  ...answerCases,
  ...connectionCases,
  ...upgradeCases,
};

/**
 * Registers the suite.
 *
 * @param name What the listener is called in the tests' names.
 */
export function testListener(name: string, listen: Listen, { skip = {}, outcomes }: ListenerContractOptions): void {
  const unknown = Object.keys(skip).filter((skipped) => !(skipped in CASES));
  if (unknown.length > 0) throw new RangeError(`Cannot skip unknown cases: ${unknown.join(", ")}`);
  for (const [does, run] of Object.entries(CASES)) {
    const reason = skip[does];
    Deno.test({
      name: `${name} ${does}${reason === undefined ? "" : ` (cannot: ${reason})`}`,
      ignore: reason !== undefined,
      fn: () => run(listen),
    });
  }
  testFraming(name, listen, outcomes);
}
