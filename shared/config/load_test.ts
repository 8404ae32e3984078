import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { ConfigError, type ConfigProblem } from "./config_error.ts";
import { choice, duration, flag, integer, list, port, secret, size, text } from "./fields.ts";
import { loadConfig, type LoadConfigOptions } from "./load.ts";

const schema = z.strictObject({
  hostname: text().prefault("localhost"),
  port: port().prefault(80),
  hosts: list(text()).prefault([]),
  isOpen: flag().prefault(false),
  mode: choice(["fast", "slow"]).prefault("fast"),
  caFile: text().optional(),
  password: secret().optional(),
  limits: z.strictObject({
    bodyIdleTimeout: duration().prefault("1m"),
    message: size().prefault("64KiB"),
    connections: integer({ minimum: 1 }).prefault(5),
  }).prefault({}),
  targets: z.record(z.string(), z.strictObject({ url: text(), headers: z.record(text(), text()).prefault({}) }))
    .prefault({}),
});

type Options = Partial<Omit<LoadConfigOptions<typeof schema>, "schema" | "envPrefix">>;

function load(options: Options = {}) {
  return loadConfig({ schema, envPrefix: "APP", env: {}, ...options });
}

function problemsOf(options: Options): readonly ConfigProblem[] {
  try {
    load(options);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  throw new assert.AssertionError({ message: "Expected a ConfigError" });
}

const lines = (options: Options) =>
  problemsOf(options).map(({ path, message, source }) => `${path}: ${message} [${source ?? ""}]`);

class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync();
  write(name: string, content: string): string {
    const path = join(this.path, name);
    Deno.writeTextFileSync(path, content);
    return path;
  }
  [Symbol.dispose]() {
    Deno.removeSync(this.path, { recursive: true });
  }
}

Deno.test("loadConfig() gives the defaults when there is no source", () => {
  assert.deepEqual(load(), {
    hostname: "localhost",
    port: 80,
    hosts: [],
    isOpen: false,
    mode: "fast",
    limits: { bodyIdleTimeout: 60_000, message: 65_536, connections: 5 },
    targets: {},
  });
});

Deno.test("loadConfig() lets later sources win key by key", () => {
  using folder = new Folder();
  const file = folder.write(
    "a.json",
    JSON.stringify({ hostname: "file", port: 1, mode: "slow", limits: { connections: 1, message: 1 } }),
  );
  const env = { APP__PORT: "2", APP__MODE: "fast", APP__LIMITS__CONNECTIONS: "2" };
  const config = load({ file, env, flags: { mode: "slow", "limits.connections": "3" } });
  assert.equal(config.hostname, "file");
  assert.equal(config.port, 2);
  assert.equal(config.mode, "slow");
  assert.deepEqual(config.limits, { bodyIdleTimeout: 60_000, message: 1, connections: 3 });
});

const FILES: Readonly<Record<string, string>> = {
  "a.json": '{"port": 9, "limits": {"bodyIdleTimeout": "2m"}, "hosts": ["a", "b"]}',
  "a.jsonc": '{"port": 9, /* why */ "limits": {"bodyIdleTimeout": "2m",}, "hosts": "a, b"} // end',
  "a.yaml": 'port: 9\nlimits: { bodyIdleTimeout: "00:02:00" }\nhosts:\n  - a\n  - b\n',
  "b.yml": "\uFEFFport: '9'\nlimits:\n  bodyIdleTimeout: 2m\n  message:\nhosts: a,b\n",
};
for (const [name, content] of Object.entries(FILES)) {
  Deno.test(`loadConfig() reads ${name}`, () => {
    using folder = new Folder();
    const config = load({ file: folder.write(name, content) });
    assert.deepEqual([config.port, config.limits.bodyIdleTimeout, config.hosts], [9, 120_000, ["a", "b"]]);
  });
}

Deno.test("loadConfig() takes an empty file as no keys", () => {
  using folder = new Folder();
  for (const name of ["a.json", "a.yaml"]) assert.equal(load({ file: folder.write(name, "") }).port, 80);
});

const VARIABLES: readonly (readonly [Record<string, string>, (config: z.output<typeof schema>) => unknown, unknown])[] =
  [
    [{ APP__PORT: "0" }, (config) => config.port, 0],
    [{ APP__IS_OPEN: "true" }, (config) => config.isOpen, true],
    [{ APP__HOSTS: "a, b,c" }, (config) => config.hosts, ["a", "b", "c"]],
    [{ APP__HOSTS: '["a,b","c"]' }, (config) => config.hosts, ["a,b", "c"]],
    [{ APP__HOSTNAME: "" }, (config) => config.hostname, "localhost"],
    [{ APP__LIMITS__MESSAGE: "1MiB" }, (config) => config.limits.message, 1_048_576],
    [{ APP__LIMITS: '{"message": 5}', APP__LIMITS__CONNECTIONS: "7" }, (config) => config.limits, {
      bodyIdleTimeout: 60_000,
      message: 5,
      connections: 7,
    }],
    [{ APP__TARGETS__ERP__URL: "http://a" }, (config) => config.targets, { erp: { url: "http://a", headers: {} } }],
    [{ APP__TARGETS: '{"*":{"url":"x"}}' }, (config) => config.targets, { "*": { url: "x", headers: {} } }],
    [{ APP__PASSWORD: "hunter2" }, (config) => config.password, "hunter2"],
    [{ APP_PORT: "tcp://10.0.0.1:80", APPLE__X: "1" }, (config) => config.port, 80],
  ];
for (const [env, read, expected] of VARIABLES) {
  Deno.test(`loadConfig() reads the variables ${JSON.stringify(env)}`, () =>
    assert.deepEqual(read(load({ env })), expected));
}

Deno.test("loadConfig() reads a variable's value from a file when its name ends in _FILE", () => {
  using folder = new Folder();
  const file = folder.write("secret", "  two lines\nhere \n\n");
  const config = load({
    env: { APP__PASSWORD_FILE: file, APP__TARGETS__A__URL_FILE: folder.write("url", "http://a\r\n") },
  });
  assert.equal(config.password, "  two lines\nhere \n");
  assert.equal(config.targets.a?.url, "http://a");
});

Deno.test("loadConfig() takes a variable as the key itself when the key ends in File", () => {
  assert.equal(load({ env: { APP__CA_FILE: "/etc/ca.pem" } }).caFile, "/etc/ca.pem");
});

Deno.test("loadConfig() reads a free key from a file when its name ends in _FILE", () => {
  using folder = new Folder();
  const env = {
    APP__TARGETS__A__URL: "x",
    APP__TARGETS__A__HEADERS__AUTHORIZATION_FILE: folder.write("header", "Bearer x\n"),
  };
  assert.deepEqual(load({ env }).targets, { a: { url: "x", headers: { authorization: "Bearer x" } } });
});

Deno.test("loadConfig() reads a secret from the file that the key with File names, in every source", () => {
  using folder = new Folder();
  const passwordFile = folder.write("secret", "hunter2\n");
  assert.equal(load({ file: folder.write("a.json", JSON.stringify({ passwordFile })) }).password, "hunter2");
  assert.equal(load({ flags: { passwordFile } }).password, "hunter2");
});

Deno.test("loadConfig() matches keys of maps from variables and flags without regard to case", () => {
  using folder = new Folder();
  const file = folder.write("a.yaml", "targets: { ERP: { url: a }, Shop: { url: b } }");
  const config = load({ file, env: { APP__TARGETS__ERP__URL: "c" }, flags: { "targets.shop.url": "d" } });
  assert.deepEqual(Object.entries(config.targets).map(([name, { url }]) => [name, url]), [["ERP", "c"], ["Shop", "d"]]);
});

Deno.test("loadConfig() takes __proto__ as a key like any other", () => {
  using folder = new Folder();
  const file = folder.write("a.yaml", '"__proto__": { polluted: 1 }\ntargets: { "__proto__": { url: a } }');
  assert.throws(() => load({ file, flags: { "__proto__.polluted": "1" } }), ConfigError);
  assert.equal("polluted" in {}, false);
});

Deno.test("loadConfig() reports every problem of every source at once", () => {
  using folder = new Folder();
  const file = folder.write(
    "a.json",
    JSON.stringify({
      prot: 1,
      hostname: 5,
      limits: { message: "x", conections: 1 },
      targets: { a: { uri: "x" } },
      password: "p",
      passwordFile: "q",
    }),
  );
  const env = {
    APP__PROT: "1",
    APP__LIMITS__BODY_IDLE_TIMEOUT: "soon",
    APP__TARGETS: "{",
    APP__CA_FILE_FILE: "/does/not/exist",
  };
  const flags = { mode: "medium", "limits.connections": "0", isopen: "true", password: "hunter2" };
  assert.deepEqual(
    lines({ file, env, flags }).sort(),
    [
      `--isopen: Unknown flag, did you mean --isOpen? []`,
      `APP__PROT: Unknown environment variable, did you mean APP__PORT? []`,
      `caFile: Cannot read the file that is named here: it does not exist [APP__CA_FILE_FILE]`,
      `hostname: Expected a text that is not empty (a number needs quotes) [${file}]`,
      `limits.bodyIdleTimeout: Expected a duration such as "500ms", "15s", "2m", "1h", "30d", "hh:mm:ss" or "d.hh:mm:ss" [APP__LIMITS__BODY_IDLE_TIMEOUT]`,
      `limits.conections: Unknown key, did you mean connections? [${file}]`,
      `limits.connections: Expected a whole number, at least 1 [--limits.connections]`,
      `limits.message: Expected a number of bytes, or "64KiB", "1MiB", "1GiB" [${file}]`,
      `mode: Expected one of fast, slow [--mode]`,
      `password: Cannot be given as a flag, which the process list shows: use a file or an environment variable [--password]`,
      `passwordFile: Only one of password and passwordFile can be set [${file}]`,
      `prot: Unknown key, did you mean port? [${file}]`,
      `targets.a.uri: Unknown key, did you mean url? [${file}]`,
      `targets.a.url: Is required [${file}]`,
      `targets: Expected a JSON object [APP__TARGETS]`,
    ],
  );
});

Deno.test("loadConfig() refuses a variable that is set both directly and by a file", () => {
  using folder = new Folder();
  const env = { APP__PASSWORD: "a", APP__PASSWORD_FILE: folder.write("s", "b") };
  assert.deepEqual(lines({ env }), [
    "password: Only one of APP__PASSWORD and APP__PASSWORD_FILE can be set [APP__PASSWORD_FILE]",
  ]);
});

Deno.test("loadConfig() refuses a plain value for a section, although a later source sets one of its keys", () => {
  using folder = new Folder();
  const file = folder.write("a.json", JSON.stringify({ limits: "x", targets: { a: "http://a" } }));
  const options = { file, env: { APP__LIMITS__MESSAGE: "1KiB" }, flags: { "targets.a.url": "http://b" } };
  assert.deepEqual(lines(options), [
    `limits: Expected keys and values [${file}]`,
    `targets.a: Expected keys and values [${file}]`,
  ]);
});

Deno.test("loadConfig() does not mind that a value could not be had which a later source gives", () => {
  using folder = new Folder();
  const file = folder.write("a.json", JSON.stringify({ passwordFile: "/does/not/exist", caFile: "a" }));
  const env = { APP__PASSWORD: "b", APP__CA_FILE_FILE: "/does/not/exist", APP__TARGETS: "{" };
  const { password, caFile, targets } = load({ file, env, flags: { caFile: "c", targets: "{}" } });
  assert.deepEqual({ password, caFile, targets }, { password: "b", caFile: "c", targets: {} });
});

Deno.test("loadConfig() refuses a secret that is given twice, in whatever order", () => {
  using folder = new Folder();
  for (const keys of [["password", "passwordFile"], ["passwordFile", "password"]]) {
    const file = folder.write("a.json", JSON.stringify(Object.fromEntries(keys.map((key) => [key, "x"]))));
    assert.deepEqual(lines({ file }), [`passwordFile: Only one of password and passwordFile can be set [${file}]`]);
  }
});

const BROKEN_FILES: readonly (readonly [name: string, content: string, message: RegExp])[] = [
  ["a.json", '{"password": "hunter2" "b"}', /^Cannot parse the file: comma expected at line 1, column 24$/],
  ["a.json", '{\n"a": 1, // hunter2\n}', /^Cannot parse the file: invalid comment token at line 2, column 9$/],
  ["a.json", "[1]", /^Expected keys and values at the top of the file$/],
  ["a.yaml", "password: hunter2\n  bad: [", /^Cannot parse the file: [a-z ]+ at line \d+, column \d+$/],
  ["a.yaml", "password: *hunter2", /^Cannot parse the file/],
  ["a.yaml", "password: !hunter2 x", /^Cannot parse the file/],
  ["a.yaml", "port: 1\nport: 2", /^Cannot parse the file: duplicate key at line 2, column 1$/],
  ["a.yaml", "hunter2", /^Expected keys and values at the top of the file$/],
  ["a.toml", "a = 1", /^Expected a file name that ends in \.json, \.jsonc, \.yaml or \.yml$/],
];
for (const [name, content, message] of BROKEN_FILES) {
  Deno.test(`loadConfig() names the file ${name} that contains ${JSON.stringify(content)}`, () => {
    using folder = new Folder();
    const file = folder.write(name, content);
    const problems = problemsOf({ file, env: { APP__PORT: "x" } });
    assert.equal(problems.length, 2, "the other sources are checked as well");
    assert.equal(problems[0]?.path, file);
    assert.match(problems[0]?.message ?? "", message);
    assert.doesNotMatch(JSON.stringify(problems), /hunter2/);
  });
}

Deno.test("loadConfig() names a file that does not exist", () => {
  assert.deepEqual(lines({ file: "/does/not/exist.json" }), [
    "/does/not/exist.json: Cannot read the file: it does not exist []",
  ]);
});

Deno.test("loadConfig() never repeats a value", () => {
  using folder = new Folder();
  const value = "hunter2 /?#";
  const file = folder.write(
    "a.json",
    JSON.stringify({ passwordFile: value, limits: value, hosts: [1, { a: value }], mode: value }),
  );
  const env = {
    APP__PORT: value,
    APP__LIMITS__MESSAGE: value,
    APP__TARGETS: value,
    APP__HOSTNAME_FILE: value,
    APP__HOSTS: `[${value}`,
  };
  try {
    load({ file, env, flags: { password: value, isOpen: value, "limits.bodyIdleTimeout": value } });
    assert.fail("Expected a ConfigError");
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.ok(error.problems.length >= 9, error.message);
    assert.doesNotMatch(Deno.inspect(error), /hunter2/);
  }
});
