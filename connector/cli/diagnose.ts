/**
 * `diagnose`: looks at everything a connector needs, and says what is wrong.
 *
 * @module
 */

import type { Command, CommandCall } from "../../shared/cli/mod.ts";
import { ConfigError, formatProblem } from "../../shared/config/config_error.ts";
import { RelayError } from "../../shared/errors/relay_error.ts";
import { escapeText } from "../../shared/log/text_format.ts";
import { VERSION } from "../../shared/version.ts";
import type { ConnectorConfig } from "../config.ts";
import { diagnoseServer } from "../diagnose/diagnose.ts";
import { readCaFile } from "../connection/ca_file.ts";
import { Network } from "../connection/network.ts";
import { proxyRules } from "../connection/proxy_rules.ts";
import { messageOf } from "../diagnose/sockets.ts";
import { StepError, type StepResult, StepSequence } from "../diagnose/step.ts";
import { diagnoseTargets } from "../diagnose/targets.ts";
import { TargetRegistry } from "../targets/registry.ts";

/** Looks at configuration, way, servers and targets. */
export const diagnose: Command<ConnectorConfig> = {
  name: "diagnose",
  summary: "Look at configuration, network, servers and targets, and say what is wrong",
  options: { json: { summary: "Print the results as one JSON document" } },
  async run(call) {
    const results: StepResult[] = [];
    const isJson = call.options.json === true;
    const report = (result: StepResult) => {
      results.push(result);
      if (!isJson) call.io.output.write(renderStep(result));
    };
    const stopping = new AbortController();
    using _signals = call.io.onTermination(() => stopping.abort(new Error("It was interrupted")));
    await diagnoseAll(call, report, stopping.signal);
    const isGood = results.every(({ state }) => state !== "failed");
    if (isJson) call.io.output.write(`${JSON.stringify({ ok: isGood, version: VERSION, steps: results }, null, 2)}\n`);
    else call.io.output.write(isGood ? "Everything is in order.\n" : "Not everything is in order, see above.\n");
    return isGood ? 0 : 1;
  },
};

async function diagnoseAll(
  { loadConfig, options, io }: CommandCall<ConnectorConfig>,
  report: (result: StepResult) => void,
  signal: AbortSignal,
): Promise<void> {
  await using resources = new AsyncDisposableStack();
  const steps = new StepSequence(String(options.config ?? "environment and flags"), report);
  const loaded = await steps.run<{ config: ConnectorConfig; registry: TargetRegistry; network: Network }>(
    "configuration",
    async () => {
      const value = await advisedConfig(async () => {
        const config = loadConfig();
        const ca = config.caFile === undefined ? undefined : [await readCaFile(config.caFile)];
        return {
          config,
          network: new Network({ proxyFor: proxyRules({ proxy: config.proxy, env: io.env }), ca }),
          registry: resources.use(
            await TargetRegistry.create(config.targets, { allowedTargets: config.allowedTargets }),
          ),
        };
      });
      const { tenantName, targets } = value.config;
      const count = Object.keys(targets).length;
      return { value, detail: `tenant ${tenantName}, ${count} ${count === 1 ? "target" : "targets"}` };
    },
  );
  if (loaded === undefined) return;
  const { config, registry, network } = loaded;
  for (const baseUri of config.relayServerBaseUri) {
    await diagnoseServer(baseUri, {
      network,
      credentials: { tenantName: config.tenantName, tenantSecret: config.tenantSecret },
      connector: { version: VERSION, machineName: Deno.hostname() },
      targets: registry.names(),
      report,
      signal,
      handleRequest: async (request, { inlineBodyLimitBytes }) => {
        const target = registry.find(request.target);
        if (target === undefined) throw new RelayError("target_unknown", "The connector has no such target");
        return await target.handle(request, { signal: request.signal, inlineBodyLimitBytes });
      },
    });
  }
  const targets = Object.entries(config.targets).map(([name, { type, url, proxy }]) => ({
    name,
    type,
    url,
    proxy,
  }));
  await diagnoseTargets(targets, { registry, report, signal });
}

async function advisedConfig<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const message = cause instanceof ConfigError ? cause.problems.map(formatProblem).join("; ") : messageOf(cause);
    throw new StepError(message, "Correct the configuration; docs/configuration.md has every key", { cause });
  }
}

/** One line, and one more with advice. */
function renderStep({ step, subject, state, durationMs, detail, advice }: StepResult): string {
  const time = state === "skipped" ? "" : ` (${durationMs} ms)`;
  const line = `${state.padEnd(7)} ${step.padEnd(13)} ${subject}: ${detail}${time}`;
  return `${escapeText(line)}\n${advice === undefined ? "" : `        -> ${escapeText(advice)}\n`}`;
}
