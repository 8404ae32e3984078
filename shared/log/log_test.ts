import assert from "node:assert/strict";
import { configureLogging, getLogger, type LoggingOptions } from "./mod.ts";

const logger = getLogger(["test", "unit"]);

async function linesOf(write: () => void, options: Partial<LoggingOptions> = {}): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  const stream = new WritableStream<Uint8Array>({
    write: (bytes) => void (text += decoder.decode(bytes, { stream: true })),
  });
  {
    await using _logging = await configureLogging({ level: "info", stream, ...options });
    write();
  }
  assert.ok(text === "" || text.endsWith("\n"), "the last line is complete");
  return text.split("\n").slice(0, -1);
}

const withoutTime = (line: string | undefined) => line?.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, "");

Deno.test("configureLogging() writes JSON unless the stream is a terminal or the format says otherwise", async () => {
  const write = () => logger.info("hello");
  assert.match((await linesOf(write))[0]!, /^\{/);
  assert.match((await linesOf(write, { isTerminal: true }))[0]!, /^\d{4}-/);
  assert.match((await linesOf(write, { isTerminal: true, format: "json" }))[0]!, /^\{/);
  assert.match((await linesOf(write, { format: "text" }))[0]!, /^\d{4}-/);
});

Deno.test("configureLogging() leaves out what is below the level", async () => {
  const write = () => {
    for (const level of ["trace", "debug", "info", "warn", "error", "fatal"] as const) logger[level](level);
  };
  assert.equal((await linesOf(write, { level: "trace" })).length, 6);
  assert.equal((await linesOf(write, { level: "warning" })).length, 3);
  assert.equal((await linesOf(write, { level: "fatal" })).length, 1);
});

Deno.test("configureLogging() writes every line before its disposal ends, in order", async () => {
  const lines = await linesOf(() => {
    for (let number = 0; number < 10_000; number++) logger.info("line", { number });
  });
  assert.deepEqual(lines.map((line) => JSON.parse(line).number), Array.from({ length: 10_000 }, (_, number) => number));
});

Deno.test("json format has the properties beside the record's own fields, which they cannot replace", async () => {
  const [line] = await linesOf(() =>
    logger.info("request {id} answered", {
      id: "a\nb",
      status: 200,
      level: "fatal",
      nothing: undefined,
      list: [1, { a: 2 }],
    })
  );
  const { time, ...fields } = JSON.parse(line!);
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(fields, {
    level: "info",
    category: "test.unit",
    message: "request a\nb answered",
    id: "a\nb",
    status: 200,
    list: [1, { a: 2 }],
  });
});

Deno.test("json format writes errors with their causes and code, and their stack when they are severe", async () => {
  const error = Object.assign(new TypeError("outer", { cause: new Error("inner") }), { code: "E1" });
  const lines = await linesOf(() => {
    logger.info("a", { error });
    logger.error("b", { error });
  });
  const [info, severe] = lines.map((line) => JSON.parse(line).error);
  assert.deepEqual(info, { name: "TypeError", message: "TypeError: outer; caused by Error: inner", code: "E1" });
  assert.match(severe.stack, /log_test\.ts/);
});

Deno.test("json format writes what JSON.stringify() cannot", async () => {
  const ring: Record<string, unknown> = { big: 1n };
  ring.self = ring;
  const [line] = await linesOf(() => logger.info("ring", { ring }));
  assert.equal(JSON.parse(line!).message, "ring");
});

Deno.test("text format shows the message, then the properties that it does not show", async () => {
  const [line] = await linesOf(
    () =>
      logger.warn("tenant {tenant} has {count}", {
        tenant: "acme",
        count: 2,
        target: "my erp",
        list: [1],
        none: null,
        empty: "",
      }),
    { format: "text" },
  );
  assert.equal(withoutTime(line), 'WARN  test.unit: tenant acme has 2 target="my erp" list=[ 1 ] none=null empty=""');
});

Deno.test("text format writes an error in the line, and its stack below it when it is severe or the level is debug", async () => {
  const error = new Error("broke\nFATAL forged", { cause: new TypeError("why") });
  const write = () => logger.info("failed", { error });
  const lines = await linesOf(write, { format: "text" });
  assert.deepEqual(lines.map(withoutTime), [
    'INFO  test.unit: failed error="Error: broke\\nFATAL forged; caused by TypeError: why"',
  ]);
  const debugLines = await linesOf(write, { format: "text", level: "debug" });
  assert.ok(debugLines.length > 1);
  for (const line of debugLines.slice(1)) assert.match(line, /^ {4}at /);
  assert.ok((await linesOf(() => logger.error("failed", { error }), { format: "text" })).length > 1);
});

const DECEIVING = [
  "\n",
  "\r",
  "\t",
  "\0",
  "\x1b[2J",
  "\x07",
  "\x7f",
  "\x85",
  "\x9b31m",
  "\u2028",
  "\u2029",
  "\u202e",
  "\u2066",
  "\ufeff",
  "\u{e0041}",
];
for (const deceiving of DECEIVING) {
  Deno.test(`text format escapes ${JSON.stringify(deceiving)} wherever it stands`, async () => {
    const value = `a${deceiving}b`;
    const lines = await linesOf(() => {
      logger.info("in {value}", { value });
      logger.info("p", { value, nested: { value }, [value]: 1, error: new Error(value) });
      logger.info(value);
    }, { format: "text" });
    assert.equal(lines.length, 3);
    for (const line of lines) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  });
}

Deno.test("text format colours only the severity, and only when told to", async () => {
  const [line] = await linesOf(() => logger.info("x"), { format: "text", isColored: true });
  assert.ok(line!.endsWith("Z \x1b[32mINFO \x1b[0m test.unit: x"), line);
});
