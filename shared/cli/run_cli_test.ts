import assert from "node:assert/strict";
import { z } from "zod";
import { port, secret } from "../config/fields.ts";
import { logSection } from "../log/config.ts";
import { type Command, type CommandCall, type Program, UsageError } from "./command.ts";
import { writeSecret } from "./io.ts";
import { runCli } from "./run_cli.ts";
import { testIo } from "./testing.ts";

const schema = z.strictObject({
  port: port().prefault(80),
  management: z.strictObject({ port: port().prefault(81) }).prefault({}),
  password: secret().optional(),
  log: logSection(),
});
type Config = z.output<typeof schema>;

const print: Command<Config>["run"] = ({ parameters, options, io, loadConfig }) => {
  io.output.write(JSON.stringify({ parameters, options, config: loadConfig() }));
};

function failing(error: unknown): Command<Config>["run"] {
  return ({ loadConfig }) => {
    loadConfig();
    throw error;
  };
}

const program: Program<Config> = {
  invocation: "prog",
  summary: "A program.",
  version: "1.2.3",
  commands: [
    { name: "go", summary: "Go on", run: print },
    {
      name: "tenants secret add",
      summary: "Add a secret",
      parameters: ["NAME"],
      options: {
        use: { summary: "What it is for", value: "USE", choices: ["connector", "client"] },
        force: { summary: "Ask nothing" },
      },
      run: print,
    },
    { name: "tenants list", summary: "List tenants", run: print },
    { name: "offline", summary: "Needs nothing", ignoresConfiguration: true, run: () => 5 },
    { name: "fail", summary: "Fails", run: failing(new Error("Cannot do it", { cause: new Error("no\nreason") })) },
    { name: "misuse", summary: "Fails", run: failing(new UsageError("Not like this")) },
    { name: "secret", summary: "Secret", run: ({ io }: CommandCall<Config>) => writeSecret(io.output, "s3cret") },
  ],
  configuration: { schema, envPrefix: "APP" },
};

async function run(args: readonly string[], env: Record<string, string> = {}) {
  const io = testIo(env);
  const code = await runCli(program, args, io);
  return { code, out: io.out(), err: io.err() };
}

const DEFAULTS = { port: 80, management: { port: 81 }, log: { level: "info" } };

const ACCEPTED:
  readonly (readonly [args: string, expected: { parameters?: unknown; options?: unknown; config?: unknown }])[] = [
    ["", {}],
    ["go", {}],
    ["--port=9000", { config: { ...DEFAULTS, port: 9000 } }],
    ["go --management.port 0 --port 1", { config: { ...DEFAULTS, port: 1, management: { port: 0 } } }],
    ["tenants list --log.level=warn", { config: { ...DEFAULTS, log: { level: "warning" } } }],
    ["tenants secret add acme", { parameters: { NAME: "acme" } }],
    ["tenants secret add --use client acme --force", {
      parameters: { NAME: "acme" },
      options: { use: "client", force: true },
    }],
    ["tenants secret add -- --acme", { parameters: { NAME: "--acme" } }],
  ];
for (const [args, expected] of ACCEPTED) {
  Deno.test(`runCli() takes "${args}"`, async () => {
    const { code, out, err } = await run(args.split(" ").filter((arg) => arg !== ""));
    assert.deepEqual([code, err], [0, ""]);
    assert.deepEqual(JSON.parse(out), { parameters: {}, options: {}, config: DEFAULTS, ...expected });
  });
}

const REFUSED: readonly (readonly [args: string, message: RegExp])[] = [
  ["tenant list", /^Unknown command, did you mean "tenants list"\?$/m],
  ["bananas", /^Unknown command$/m],
  ["tenants", /^Incomplete command "tenants", expected one of: tenants secret add, tenants list$/m],
  ["tenants secret add", /^Missing NAME$/m],
  ["tenants list more", /^Too many arguments$/m],
  ["tenants secret add acme --usage client", /^Unknown option --usage$/m],
  ["tenants secret add a --use admin", /^Wrong value for --use, expected one of: connector, client$/m],
  ["tenants secret add a --use", /^Option '--use <value>' argument missing$/m],
  ["tenants secret add a --force=yes", /^Option '--force' does not take an argument$/m],
  ["go -x", /^Unknown option '-x'$/m],
  ["offline --port=1", /^Unknown option --port$/m],
  ["misuse", /^Not like this$/m],
];
for (const [args, message] of REFUSED) {
  Deno.test(`runCli() exits with 2 and a hint for "${args}"`, async () => {
    const { code, out, err } = await run(args.split(" "));
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, message);
    assert.match(err, /^See prog --help$/m);
    assert.equal(err.split("\n").length, 3, err);
  });
}

Deno.test("runCli() exits with 2 and one line for each problem of the configuration", async () => {
  const args = [
    "go",
    "--prt=1",
    "--verbose",
    "--log.level=loud",
    "--password=hunter2",
    "--config",
    "/does/not/exist.yaml",
  ];
  const { code, out, err } = await run(args, { APP__PORT: "x" });
  assert.deepEqual([code, out], [2, ""]);
  assert.deepEqual(err.trimEnd().split("\n"), [
    "/does/not/exist.yaml: Cannot read the file: it does not exist",
    "--prt: Unknown flag, did you mean --port?",
    "--verbose: Unknown flag",
    "password: Cannot be given as a flag, which the process list shows: use a file or an environment variable (from --password)",
    "port: Expected a whole number, at least 0 and at most 65535 (from APP__PORT)",
    "log.level: Expected one of trace, debug, info, warning, error, fatal (from --log.level)",
  ]);
});

Deno.test("runCli() takes --config before and after the command", async () => {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, '{"port": 7}');
    for (
      const args of [["--config", file, "tenants", "list"], ["tenants", "list", `--config=${file}`], [
        `--config=${file}`,
      ]]
    ) {
      const { code, out } = await run(args);
      assert.equal(code, 0);
      assert.equal(JSON.parse(out).config.port, 7);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("runCli() exits with what the command returns", async () => {
  assert.equal((await run(["offline"])).code, 5);
});

Deno.test("runCli() exits with 1 and one line for an unexpected error, with its stack only at log level debug", async () => {
  const quiet = await run(["fail"]);
  assert.deepEqual([quiet.code, quiet.err], [1, "Cannot do it: no\\u000areason\n"]);
  const verbose = await run(["fail", "--log.level=debug"]);
  assert.match(verbose.err, /^Cannot do it: no\\u000areason\n[^]*run_cli_test\.ts/);
});

Deno.test("runCli() shows the version with every command", async () => {
  for (const args of [["--version"], ["tenants", "list", "--version"]]) {
    assert.deepEqual(await run(args), { code: 0, out: "1.2.3\n", err: "" });
  }
});

Deno.test("runCli() shows the program's help with all commands", async () => {
  const { code, out } = await run(["--help"]);
  assert.equal(code, 0);
  assert.match(out, /^Usage: prog \[COMMAND\]/m);
  assert.match(out, /^ {2}go +Go on \(the default\)$/m);
  assert.match(out, /^ {2}tenants secret add NAME +Add a secret$/m);
});

Deno.test("runCli() shows the commands that begin with some words", async () => {
  const { code, out } = await run(["tenants", "--help"]);
  assert.equal(code, 0);
  assert.match(out, /tenants list/);
  assert.doesNotMatch(out, /offline/);
});

Deno.test("runCli() shows a command's help without its arguments", async () => {
  const { code, out } = await run(["tenants", "secret", "add", "--help"]);
  assert.equal(code, 0);
  assert.match(out, /^Usage: prog tenants secret add NAME \[OPTIONS\]$/m);
  assert.match(out, /^ {2}--use connector\|client +What it is for$/m);
  assert.match(out, /^ {2}--config FILE /m);
});

Deno.test("writeSecret() writes the secret alone on the last line of standard output", async () => {
  const { out, err } = await run(["secret"]);
  assert.equal(out, "s3cret\n");
  assert.doesNotMatch(err, /s3cret/);
});
