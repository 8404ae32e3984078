/**
 * `deno task bench [--check] [--quick] [SUITE...]`: measures the relay beside what people would use instead, and prints tables.
 *
 * @module
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { cpus } from "node:os";
import { Measurements } from "./measurements.ts";
import { killAll } from "./processes.ts";
import { judge, type Verdict } from "./ratios.ts";
import { formatSuite, formatVerdicts } from "./report.ts";
import { type Suite, SUITES } from "./suites/mod.ts";
import { startTargets } from "./targets/targets.ts";

const RESULTS_FOLDER = join(import.meta.dirname ?? "", "results");

const USAGE = `Usage: deno task bench [--check] [--quick] [SUITE...]

  --check   fail when a bound is missed or something to compare with is missing
  --quick   one short round of everything, for trying out

Suites: ${SUITES.map(({ name }) => name).join(", ")}
`;

/** What the command line asks for. */
interface Arguments {
  readonly isChecking: boolean;
  readonly isQuick: boolean;
  readonly suites: readonly Suite[];
}

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean" }, quick: { type: "boolean" }, help: { type: "boolean" } },
    allowPositionals: true,
  });
  if (values.help) {
    print(USAGE);
    Deno.exit(0);
  }
  const unknown = positionals.filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) throw new TypeError(`There is no suite ${unknown.join(", ")}`);
  const suites = SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { isChecking: values.check ?? false, isQuick: values.quick ?? false, suites };
}

async function run({ isChecking, isQuick, suites }: Arguments): Promise<boolean> {
  const startMs = performance.now();
  await using resources = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "relayserver-bench-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  endWithSignals(folder);
  const targets = resources.use(await startTargets(folder));
  const measurements = new Measurements();
  const progress = (text: string) => {
    const elapsed = Math.round((performance.now() - startMs) / 1000);
    Deno.stderr.writeSync(new TextEncoder().encode(`[${elapsed} s] ${text}\n`));
  };
  for (const suite of suites) {
    await suite.run({ targets, folder, isQuick, measurements, progress });
    print(`\n${formatSuite(measurements, suite.name)}`);
  }
  const verdicts = judge(measurements, suites.map(({ name }) => name));
  print(`\n${formatVerdicts(verdicts)}`);
  await save(measurements, verdicts, isQuick);
  const isGood = measurements.missing.length === 0 && verdicts.every(({ isMet }) => isMet);
  return isGood || !isChecking;
}

/** Nothing stays behind when the run is ended early either. */
function endWithSignals(folder: string): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killAll();
      Deno.removeSync(folder, { recursive: true });
      Deno.exit(130);
    });
  }
}

async function save(measurements: Measurements, verdicts: readonly Verdict[], isQuick: boolean): Promise<void> {
  const { series, missing } = measurements;
  const time = new Date().toISOString();
  const machine = { cores: cpus().length, cpu: cpus()[0]?.model, deno: Deno.version.deno };
  const ratios = verdicts.map(({ ratio: { name }, values, isMet }) => ({ name, values, isMet }));
  const result = { time, machine, isQuick, series, missing, ratios };
  await Deno.mkdir(RESULTS_FOLDER, { recursive: true });
  const file = join(RESULTS_FOLDER, `${time.replace(/:/g, "-")}.json`);
  await Deno.writeTextFile(file, JSON.stringify(result, null, 2) + "\n");
  print(`\nAll values: ${file}\n`);
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

try {
  const isGood = await run(readArguments(Deno.args));
  Deno.exit(isGood ? 0 : 1);
} catch (error) {
  Deno.stderr.writeSync(
    new TextEncoder().encode(`${error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error}\n`),
  );
  Deno.exit(error instanceof TypeError ? 2 : 1);
}
