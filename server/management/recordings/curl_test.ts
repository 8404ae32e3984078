import assert from "node:assert/strict";
import fc from "fast-check";
import type { RecordedBody, RecordedHead, RecordedRequest } from "../../persistence/mod.ts";
import { toBase64 } from "./body_content.ts";
import { toCurlCommand } from "./curl.ts";

const ADDRESS = { publicUrl: "https://relay.example.com", scheme: "https" } as const;

function body(bytes: Uint8Array): RecordedBody {
  return { base64: toBase64(bytes), sizeBytes: bytes.length, isCut: false, isComplete: true };
}

function recorded(head: Partial<RecordedHead>, maskedHeaders: readonly string[] = []): RecordedRequest {
  const clientRequest = { method: "GET", path: "/relay/acme/app/", headers: [], body: null, ...head };
  return {
    requestId: "11111111-1111-4111-8111-111111111111",
    messages: { clientRequest, targetRequest: null, targetResponse: null, clientResponse: null, maskedHeaders },
  } as unknown as RecordedRequest;
}

/** Has a shell run a command in which `curl` is a function that prints its words and its input, as bytes. */
async function run(command: string): Promise<{ words: string[]; input: string }> {
  const script =
    `curl() { for word; do printf '%s\\0' "$word"; done; printf '\\0\\0'; [ -p /dev/stdin ] && cat; :; }\n`;
  const path = await Deno.makeTempFile({ prefix: "relayserver-" });
  await Deno.writeTextFile(path, script + command);
  const shell = new Deno.Command("sh", { args: [path], stdin: "null", stdout: "piped", stderr: "piped" });
  const { code, stdout, stderr } = await shell.output();
  await Deno.remove(path);
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stderr), "");
  const text = Array.from(stdout, (byte) => String.fromCharCode(byte)).join("");
  const end = text.indexOf("\0\0\0");
  return { words: text.slice(0, end).split("\0"), input: text.slice(end + 3) };
}

function after(words: readonly string[], option: string): string[] {
  return words.flatMap((word, index) => word === option ? [words[index + 1]!] : []);
}

Deno.test("toCurlCommand() writes a request that a shell reads as it was", async () => {
  const { words } = await run(toCurlCommand(
    recorded({
      method: "PATCH",
      path: "/relay/acme/app/a?b=[1]&c={2}",
      headers: [["Host", "h"], ["X-A", "1"], ["X-A", "2"], ["X-Empty", ""], ["Authorization", "[masked]"], [
        "Connection",
        "close",
      ]],
      body: body(new TextEncoder().encode("@file\nline two 'quoted' $HOME `id` \\ \"x\"")),
    }, ["authorization"]),
    ADDRESS,
  ));
  assert.deepEqual(after(words, "--request"), ["PATCH"]);
  assert.deepEqual(after(words, "--header"), ["X-A: 1", "X-A: 2", "X-Empty;", "Content-Type:"]);
  assert.deepEqual(after(words, "--data-raw"), ["@file\nline two 'quoted' $HOME `id` \\ \"x\""]);
  assert.deepEqual(after(words, "--url"), ["https://relay.example.com/relay/acme/app/a?b=[1]&c={2}"]);
});

Deno.test("toCurlCommand() names what is missing before the command", () => {
  const cut = { ...body(new TextEncoder().encode("abc")), isCut: true, sizeBytes: 900 };
  const command = toCurlCommand(
    recorded({ headers: [["Cookie", "[masked]"]], body: cut }, ["cookie", "a`id`"]),
    ADDRESS,
  );
  const lines = command.trimEnd().split("\n");
  assert.equal(lines.length, 4);
  assert.ok(lines.slice(0, 3).every((line) => line.startsWith("# ")));
  assert.match(lines[1]!, /cookie/);
  assert.match(lines[2]!, /first 3 bytes/);
});

Deno.test("toCurlCommand() keeps hostile bytes of headers, paths and bodies what they are", async () => {
  // What a listener lets through: bytes but controls in values, printable ones in paths.
  const value = fc.string({
    unit: fc.integer({ min: 0x20, max: 0xff }).filter((code) => code < 0x7f || code > 0x7f).map((code) =>
      String.fromCharCode(code)
    ),
    minLength: 1,
    maxLength: 40,
  });
  const path = fc.string({
    unit: fc.integer({ min: 0x21, max: 0xff }).filter((code) => code !== 0x7f).map((code) => String.fromCharCode(code)),
    maxLength: 40,
  });
  const examples: [string, string, Uint8Array][] = [
    ["'; touch /tmp/pwned; '", "'$(id)'`id`", new Uint8Array([0, 1, 255, 39, 10])],
    ["$(id) %s %n \\x41 \\101 \xe9'", "?a=%27&b=\\'\xff", new TextEncoder().encode("'\n\n")],
    ["-K /etc/passwd", "/-o/etc/passwd", new TextEncoder().encode("-d @/etc/passwd")],
  ];
  await fc.assert(
    fc.asyncProperty(value, path, fc.uint8Array({ minLength: 1, maxLength: 60 }), async (value, path, bytes) => {
      const head = {
        method: "POST",
        path: `/relay/acme/app/${path}`,
        headers: [["X-Value", value]] as const,
        body: body(bytes),
      };
      const { words, input } = await run(toCurlCommand(recorded(head), ADDRESS));
      assert.deepEqual(after(words, "--header"), [`X-Value: ${value}`, "Content-Type:"]);
      assert.deepEqual(after(words, "--url"), [`https://relay.example.com/relay/acme/app/${path}`]);
      const [text] = after(words, "--data-raw");
      assert.equal(text ?? input, String.fromCharCode(...bytes));
    }),
    { numRuns: 40, examples },
  );
});

Deno.test("toCurlCommand() sends large bodies through a pipe", async () => {
  const bytes = new Uint8Array(250_000).fill(0x61);
  const { words, input } = await run(toCurlCommand(recorded({ method: "POST", body: body(bytes) }), ADDRESS));
  assert.deepEqual(after(words, "--data-binary"), ["@-"]);
  assert.equal(input.length, bytes.length);
});

Deno.test("toCurlCommand() keeps curl from giving a body a type that it did not have", async () => {
  const headersFor = async (head: Partial<RecordedHead>) =>
    after((await run(toCurlCommand(recorded(head), ADDRESS))).words, "--header");
  const text = body(new TextEncoder().encode("{}"));
  assert.deepEqual(await headersFor({ method: "PUT", body: text }), ["Content-Type:"]);
  assert.deepEqual(await headersFor({ method: "PUT", body: body(new Uint8Array([0])) }), ["Content-Type:"]);
  assert.deepEqual(await headersFor({ headers: [["content-type", "a/b"]], body: text }), ["content-type: a/b"]);
  assert.deepEqual(await headersFor({ method: "PUT" }), []);
});

Deno.test("toCurlCommand() asks for a head as curl wants it", () => {
  assert.match(toCurlCommand(recorded({ method: "HEAD" }), ADDRESS), / --head /);
});
