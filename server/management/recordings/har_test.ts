import assert from "node:assert/strict";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import * as schemas from "har-schema";
import type { RecordedMessages, RecordedRequest } from "../../persistence/mod.ts";
import { toBase64 } from "./body_content.ts";
import { HAR_END, HAR_START, toHarEntry } from "./har.ts";

const ADDRESS = { publicUrl: undefined, scheme: "https" } as const;
const BINARY = new Uint8Array([0, 159, 146, 150]);

/** The schema of HAR 1.2, which is written in an older draft that means the same here. */
function createValidator() {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  for (const schema of Object.values(schemas.default)) {
    const { $schema: _draft, ...rest } = schema as Record<string, unknown>;
    ajv.addSchema(rest);
  }
  return ajv.getSchema("har.json#")!;
}

function bodyOf(bytes: Uint8Array, isCut = false) {
  return { base64: toBase64(bytes), sizeBytes: bytes.length, isCut, isComplete: true };
}

function recorded(messages: Partial<RecordedMessages>): RecordedRequest {
  return {
    id: crypto.randomUUID(),
    recordingId: crypto.randomUUID(),
    requestId: crypto.randomUUID(),
    originId: crypto.randomUUID(),
    startedAt: Date.UTC(2026, 0, 1),
    durationMs: 3.5,
    target: "app",
    method: "POST",
    path: "/",
    clientAddress: "192.0.2.1",
    status: 200,
    outcome: "succeeded",
    errorCode: null,
    messages: {
      clientRequest: {
        method: "POST",
        path: "/relay/acme/app/a%20b?x=1&y=%26\xe9<script>\\",
        headers: [["Host", "h:8080"], ["Content-Type", "text/plain"]],
        body: bodyOf(new TextEncoder().encode("h\u00e4llo")),
      },
      targetRequest: null,
      targetResponse: null,
      clientResponse: {
        status: 302,
        headers: [["Location", "/next"], ["Content-Type", "image/png"]],
        body: bodyOf(BINARY),
      },
      maskedHeaders: ["cookie"],
      ...messages,
    },
  };
}

function archiveOf(...requests: RecordedRequest[]) {
  return JSON.parse(
    HAR_START + requests.map((request) => JSON.stringify(toHarEntry(request, ADDRESS))).join(",") + HAR_END,
  );
}

Deno.test("toHarEntry() writes what the schema of HAR 1.2 allows", () => {
  const validate = createValidator();
  assert.equal(validate({ log: { version: "1.2" } }), false);
  const { clientRequest } = recorded({}).messages;
  const archive = archiveOf(
    recorded({}),
    recorded({ clientResponse: null }),
    recorded({ clientRequest: { ...clientRequest, headers: [], body: bodyOf(BINARY, true) } }),
    recorded({ clientRequest: { ...clientRequest, method: "GET", body: null } }),
  );
  assert.ok(validate(archive), JSON.stringify(validate.errors, null, 1));
  assert.ok(validate(archiveOf()));
});

Deno.test("toHarEntry() tells what the client sent and got", () => {
  const [entry] = archiveOf(recorded({})).log.entries;
  assert.equal(entry.request.url, "https://h:8080/relay/acme/app/a%20b?x=1&y=%26%E9%3Cscript%3E%5C");
  assert.deepEqual(entry.request.postData, { mimeType: "text/plain", text: "h\u00e4llo" });
  assert.equal(entry.response.redirectURL, "/next");
  assert.deepEqual(entry.response.content, {
    size: 4,
    mimeType: "image/png",
    text: toBase64(BINARY),
    encoding: "base64",
  });
  assert.deepEqual([entry._target, entry._maskedHeaders], ["app", ["cookie"]]);
});
