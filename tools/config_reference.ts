/**
 * Writes `docs/configuration.md` from the two schemas; with `--check` it only tells whether the page is up to date. Part of `deno task check`.
 *
 * @module
 */

import { z } from "zod";
import { connectorConfigSchema } from "../connector/config.ts";
import { nodeOf, type Schema, unwrap } from "../shared/config/schema.ts";
import { serverConfigSchema } from "../server/config/server_config.ts";

const PAGE = new URL("../docs/configuration.md", import.meta.url);

const INTRODUCTION = `# Configuration

<!-- Written by tools/config_reference.ts from the schemas. Change the descriptions there, then run \`deno task docs\`. -->

Both programs read, later wins: defaults, a file (\`--config FILE\`; \`.json\`, \`.jsonc\`, \`.yaml\`, \`.yml\`), environment variables, flags. Unknown keys are
errors, and all problems are listed at once.

- **Environment**: the key's path in upper snake case, levels joined by \`__\`, after \`RELAY_SERVER__\` or \`RELAY_CONNECTOR__\`:
  \`RELAY_SERVER__REQUEST_EXPIRATION=2m\`, \`RELAY_CONNECTOR__TARGETS__ERP__URL=http://127.0.0.1:9000\`. With \`_FILE\` behind it, the value is read from that
  file.
- **Flags**: the key's path with dots: \`--management.port=9081\`. Secrets are not taken from flags, which every user of the machine can see.
- **Durations**: \`"500ms"\`, \`"15s"\`, \`"2m"\`, \`"1h"\`, \`"30d"\` or \`"hh:mm:ss"\`. **Sizes**: \`65536\`, \`"64KiB"\`, \`"1MiB"\`, \`"1GiB"\`.

\`deno task server config show\` and \`deno task connector config show\` print the configuration in effect, secrets masked.
`;

/** The page as the schemas want it. */
export function renderReference(): string {
  return [
    INTRODUCTION,
    "## Server\n",
    renderTable(serverConfigSchema),
    "\n## Connector\n",
    renderTable(connectorConfigSchema),
  ].join("\n");
}

function renderTable(schema: Schema): string {
  const rows = [...keysOf(schema, "")].map(({ key, form, fallback, text }) =>
    `| \`${key}\` | ${form} | ${fallback} | ${text} |`
  );
  return ["| key | type | default | |", "| --- | --- | --- | --- |", ...rows, ""].join("\n");
}

interface Row {
  readonly key: string;
  readonly form: string;
  readonly fallback: string;
  readonly text: string;
}

function* keysOf(schema: Schema, path: string): Iterable<Row> {
  const node = nodeOf(schema);
  if (node.type === "section") {
    for (const [key, child] of Object.entries(node.children)) {
      yield* keysOf(child, path === "" ? key : `${path}.${key}`);
    }
  } else if (node.type === "map") {
    for (const row of keysOf(node.value, `${path}.<name>`)) {
      // A map of plain values carries their description itself.
      yield row.key === `${path}.<name>` ? { ...row, fallback: "none", text: textOf(schema) } : row;
    }
  } else {
    yield { key: path, form: formOf(schema), fallback: fallbackOf(schema), text: textOf(schema) };
  }
}

function formOf(schema: Schema): string {
  const inner = unwrap(schema);
  const node = nodeOf(schema);
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${option}\``).join(", ");
  if (inner instanceof z.ZodArray) return "list";
  return node.type === "value" && node.kind !== undefined ? node.kind : "text";
}

function fallbackOf(schema: Schema): string {
  if (!(schema instanceof z.ZodPrefault)) return schema instanceof z.ZodOptional ? "none" : "required";
  const value: unknown = schema.def.defaultValue;
  return Array.isArray(value) && value.length === 0
    ? "none"
    : `\`${typeof value === "string" ? value : JSON.stringify(value)}\``;
}

/** Where a key is wrapped, any of the wrappers may carry the description. */
function textOf(schema: Schema): string {
  const text = z.globalRegistry.get(schema)?.description;
  // A page's reader writes "2m", the code's reader needs the unit.
  if (text !== undefined) return text.replace(/, in (?:milliseconds|bytes)\b/, "").replaceAll("|", "\\|");
  return schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault ? textOf(schema.unwrap()) : "";
}

if (import.meta.main) {
  const page = renderReference();
  const encoder = new TextEncoder();
  const [mode, ...rest] = Deno.args;
  if (rest.length > 0 || (mode !== undefined && mode !== "--check")) {
    Deno.stderr.writeSync(encoder.encode("Usage: deno task docs [--check]\n"));
    Deno.exit(2);
  }
  if (mode === undefined) {
    await Deno.writeTextFile(PAGE, page);
  } else if (await Deno.readTextFile(PAGE) !== page) {
    Deno.stderr.writeSync(encoder.encode("docs/configuration.md is not up to date: run deno task docs\n"));
    Deno.exit(1);
  }
}
