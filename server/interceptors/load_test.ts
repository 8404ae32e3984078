import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../shared/config/config_error.ts";
import { checkInterceptor, loadInterceptors } from "./load.ts";

/** A folder with modules. */
async function modules(texts: Readonly<Record<string, string>>) {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "relayserver-" }));
  for (const [name, text] of Object.entries(texts)) await Deno.writeTextFile(join(folder, name), text);
  return {
    path: (name: string) => join(folder, name),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("loadInterceptors() takes one interceptor or a list of each module, in order", async () => {
  await using folder = await modules({
    "one.ts": `const name: string = "one"; export default { name, interceptRequest: () => undefined };`,
    "list.js": `export default ["two", "three"].map((name) => ({ name, interceptResponse() {} }));`,
    "class.ts":
      `import { name } from "./name.ts"; class Own { name = name; #x = 1; interceptRequest() { return { path: "/" + this.#x }; } }
      export default new Own();`,
    "name.ts": `export const name = "four";`,
  });
  const loaded = await loadInterceptors(["one.ts", "list.js", "class.ts"].map(folder.path));
  assert.deepEqual(loaded.map(({ name }) => name), ["one", "two", "three", "four"]);
  assert.deepEqual(await loadInterceptors([]), []);
});

Deno.test("loadInterceptors() names every module that cannot be loaded, and why", async () => {
  await using folder = await modules({
    "syntax.ts": "export default {",
    "throws.ts": `throw new Error("no configuration found");`,
    "nothing.ts": "export const interceptor = 1;",
    "good.ts": `export default { name: "good", interceptRequest() {} };`,
    "nameless.ts": `export default { interceptRequest() {} };`,
    "import.ts": `import "./missing_too.ts"; export default { name: "x", interceptRequest() {} };`,
  });
  const names = ["syntax.ts", "throws.ts", "missing.ts", "nothing.ts", "good.ts", "nameless.ts", "import.ts"];
  await assert.rejects(loadInterceptors(names.map(folder.path)), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.map(({ path }) => path),
      [0, 1, 2, 3, 5, 6].map((index) => `interceptors.${index}`),
    );
    const reasons = [
      /SyntaxError: .* at file:.*syntax\.ts:1:\d+$/,
      /no configuration found/,
      /missing\.ts/,
      /no default export/,
      /name/,
      /^[^\n]*missing_too\.ts". at file:.*import\.ts:1:8$/,
    ];
    for (const [index, reason] of reasons.entries()) assert.match(error.problems[index]?.message ?? "", reason);
    return true;
  });
});

Deno.test("checkInterceptor() throws for what is none", () => {
  const interceptRequest = () => {};
  const wrong: readonly (readonly [value: unknown, problem: RegExp])[] = [
    [undefined, /object/],
    [() => {}, /object/],
    [{ name: "", interceptRequest }, /name/],
    [{ name: "x" }, /must have a function/],
    [{ name: "x", interceptRequest: 1 }, /must have a function/],
    [{ name: "x", interceptRequest, interceptResponse: "y" }, /must have a function/],
    [{ name: "x", interceptRequest, timeoutMs: 0 }, /timeoutMs/],
    [
      { name: "x", interceptRequest, interceptResponses: interceptRequest },
      /"interceptResponses", which is not one of/,
    ],
  ];
  for (const [value, problem] of wrong) assert.throws(() => checkInterceptor(value), problem);
});
