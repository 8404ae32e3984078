import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import openapiTS, { astToString } from "openapi-typescript";
import { type ManagementSite, managementTest } from "../testing.ts";

type Content = Record<string, { readonly schema: { readonly $ref: string } }>;

/** What the tests read of an operation. */
interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly { readonly in: string; readonly name: string }[];
  readonly security: unknown;
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Record<string, { readonly content: Content }>;
}

/** What the tests read of the description. */
interface Description {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: {
    readonly securitySchemes: object;
    readonly schemas: Record<string, { readonly properties: object; readonly required: readonly string[] }>;
  };
}

interface Described {
  readonly where: string;
  readonly operation: Operation;
}

async function describe(site: ManagementSite): Promise<Description> {
  return (await site.call("GET", "/management/openapi.json")).json as Description;
}

function operationsOf({ paths }: Description): Described[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ where: `${method} ${path}`, operation }))
  );
}

managementTest("openapi.json is valid OpenAPI 3.1", async (site) => {
  const { status, json, text } = await site.call("GET", "/management/openapi.json", { as: null });
  assert.equal(status, 200);
  assert.equal((json as Description).openapi, "3.1.0");
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  assert.ok(valid, JSON.stringify(errors));
});

managementTest("openapi.json describes every route completely", async (site) => {
  const description = await describe(site);
  for (const { where, operation } of operationsOf(description)) {
    assert.ok(operation.summary.length > 5, where);
    assert.equal(operation.tags.length, 1, where);
    for (const name of where.match(/(?<=\{)\w+(?=\})/g) ?? []) {
      assert.ok(operation.parameters.some((it) => it.in === "path" && it.name === name), where);
    }
    const isOpen = where === "post /management/session";
    assert.deepEqual(operation.security, isOpen ? [] : [{ apiKey: [] }, { session: [] }], where);
    const statuses = Object.keys(operation.responses);
    assert.ok(statuses.some((status) => status.startsWith("2")), where);
    assert.ok(["400", "401", "403", "503"].every((status) => statuses.includes(status)), where);
    for (const [status, { content }] of Object.entries(operation.responses)) {
      if (Number(status) < 400) continue;
      const { $ref } = content["application/problem+json"]!.schema;
      assert.equal($ref, "#/components/schemas/Problem", `${where} ${status}`);
    }
    if (operation.requestBody === undefined) continue;
    assert.ok(operation.requestBody.required && ["408", "413", "415"].every((it) => statuses.includes(it)), where);
    assert.match(operation.requestBody.content["application/json"]!.schema.$ref, /^#/, where);
  }
  assert.deepEqual(Object.keys(description.components.securitySchemes), ["apiKey", "session"]);
});

managementTest("a client can be generated from openapi.json", async (site) => {
  const { text: description } = await site.call("GET", "/management/openapi.json");
  const client = astToString(await openapiTS(description));
  for (
    const text of ['"/management/tenants/{name}"', "NewTenant: {", "Problem: {", "keepAliveInterval?: string | null"]
  ) {
    assert.ok(client.includes(text), text);
  }
});

managementTest("answers are as openapi.json describes them", async (site) => {
  const { components: { schemas } } = await describe(site);
  const { json: tenant } = await site.call("POST", "/management/tenants", { json: { name: "acme" } });
  const { problem } = await site.call("GET", "/management/tenants?x=1");
  const { json: audit } = await site.call("GET", "/management/audit");
  for (const [name, document] of Object.entries({ Tenant: tenant, Problem: problem, AuditPage: audit })) {
    const { properties, required } = schemas[name]!;
    assert.deepEqual(Object.keys(document).filter((key) => !(key in properties)), [], name);
    assert.deepEqual(required.filter((key) => !(key in document)), [], name);
  }
});

managementTest("the pages load only what comes from here", async (site) => {
  const page = await site.fetch("GET", "/management/docs", { as: null });
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.equal(/https?:|\/\/[a-z]/i.test(html), false);
  const policy = page.headers.get("Content-Security-Policy")!;
  assert.match(policy, /^default-src 'none'; script-src 'self';/);
  assert.equal(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/.test(policy), false);
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
  const own = links.filter((link) => !link.startsWith("data:"));
  assert.equal(own.length, 3);
  for (const link of own) {
    const { status, headers, text } = await site.call("GET", link, { as: null });
    assert.equal(status, 200, link);
    assert.match(headers.get("Content-Type")!, link.endsWith(".css") ? /^text\/css/ : /^text\/javascript/);
    assert.equal(headers.get("X-Content-Type-Options"), "nosniff");
    assert.ok(text.length > 100);
    if (link.endsWith("start.js")) assert.equal(/https?:/.test(text), false);
    if (link.endsWith(".css")) assert.equal(/(?:@import|url\((?!["']?data:))/.test(text), false, link);
  }
});
