import assert from "node:assert/strict";
import { join } from "node:path";
import { within } from "../../tests/testkit/deadline.ts";
import { watchFile } from "./watch_file.ts";

async function withWatch(
  run: (watch: { folder: string; file: string; changed: () => Promise<void>; count: () => number }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  const file = join(folder, "connector.yaml");
  await Deno.writeTextFile(file, "a");
  let count = 0;
  let waiting = Promise.withResolvers<void>();
  using _watch = watchFile(file, {
    onChange() {
      count++;
      waiting.resolve();
      waiting = Promise.withResolvers();
    },
    onError: (error) => assert.fail(String(error)),
  });
  await run({ folder, file, changed: () => waiting.promise, count: () => count });
}

Deno.test("watchFile() tells when a file is written, replaced, removed and comes back", async () => {
  await withWatch(async ({ folder, file, changed, count }) => {
    const steps = [
      () => Deno.writeTextFile(file, "b"),
      async () => {
        await Deno.writeTextFile(join(folder, "new"), "c");
        await Deno.rename(join(folder, "new"), file);
      },
      () => Deno.remove(file),
      () => Deno.writeTextFile(file, "c"),
    ];
    for (const step of steps) {
      const next = changed();
      await step();
      await next;
    }
    assert.equal(count(), 4);
  });
});

Deno.test("watchFile() sees through the symbolic links of a container's mounted configuration", async () => {
  const folder = await Deno.makeTempDir();
  await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  for (const version of ["v1", "v2"]) {
    await Deno.mkdir(join(folder, version));
    await Deno.writeTextFile(join(folder, version, "connector.yaml"), version);
  }
  await Deno.symlink("v1", join(folder, "data"));
  await Deno.symlink("data/connector.yaml", join(folder, "connector.yaml"));
  const changed = Promise.withResolvers<void>();
  using _watch = watchFile(join(folder, "connector.yaml"), {
    onChange: () => changed.resolve(),
    onError: (error) => changed.reject(error),
  });
  await Deno.symlink("v2", join(folder, "data.new"));
  await Deno.rename(join(folder, "data.new"), join(folder, "data"));
  await changed.promise;
});

Deno.test("watchFile() says nothing when other files change, or the content stays", async () => {
  await withWatch(async ({ folder, file, changed, count }) => {
    await Deno.writeTextFile(join(folder, "other"), "x");
    await Deno.writeTextFile(file, "a");
    const next = changed();
    await Deno.writeTextFile(file, "b");
    await next;
    assert.equal(count(), 1);
  });
});

Deno.test("watchFile() tells of a change in a folder where others write all the time", async () => {
  await withWatch(async ({ folder, file, changed }) => {
    using busy = new DisposableStack();
    busy.adopt(setInterval(() => Deno.writeTextFileSync(join(folder, "busy"), "x"), 20), clearInterval);
    const next = changed();
    await Deno.writeTextFile(file, "b");
    await within(next, { timeoutMs: 10_000, what: "the change" });
  });
});

Deno.test("watchFile() reports a folder that cannot be watched", () => {
  let error: unknown;
  using _watch = watchFile("/no/such/folder/file", { onChange: () => {}, onError: (found) => error = found });
  assert.ok(error instanceof Deno.errors.NotFound);
});
