import assert from "node:assert/strict";
import { startSite } from "../testkit/site.ts";
import { launch, Visitor } from "./visitor.ts";

const HOSTILE = `"'><script>alert(1)</script><img src=x onerror="alert(1)">`;
const PNG = Uint8Array.fromBase64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
);

const LOOKS = [
  { colorScheme: "light" },
  { colorScheme: "dark" },
  { colorScheme: "light", viewport: { width: 390, height: 844 } },
] as const;

async function assertWellMade(visitor: Visitor): Promise<void> {
  assert.deepEqual(await visitor.violations(), [], visitor.page.url());
  assert.equal(await visitor.excessWidth(), 0, `${visitor.page.url()} is wider than its window`);
}

/** Presses a button as somebody without a mouse. */
async function pressKey(visitor: Visitor, name: string): Promise<void> {
  await visitor.page.getByRole("button", { name, exact: true }).press("Enter");
}

Deno.test("a person records, looks, sends again, exports and deletes, and hostile traffic stays text", async () => {
  let count = 0;
  await using site = await startSite({
    app: (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/image") return new Response(PNG, { headers: { "Content-Type": "image/png" } });
      if (pathname === "/json") return Response.json({ count: ++count, kept: HOSTILE });
      return new Response(HOSTILE, { headers: { "Content-Type": "text/html", "X-Hostile": HOSTILE } });
    },
  });
  const { server, tenant } = site;
  await using launched = await launch();
  for (const look of LOOKS) {
    await using visitor = await Visitor.as("writer", { ...launched, server, ...look });
    const { page } = visitor;
    visitor.expect(/400/);

    await visitor.go(`/tenants/${tenant.name}/recordings`);
    await assertWellMade(visitor);
    await page.getByLabel("Status").fill("nonsense");
    await pressKey(visitor, "Start recording");
    await visitor.see("Expected a status such as 404");
    await assertWellMade(visitor);
    await page.getByLabel("Status").fill("");
    await pressKey(visitor, "Start recording");
    await page.getByRole("heading", { name: "Recording", exact: true }).waitFor();

    const body = JSON.stringify({ hostile: HOSTILE });
    await (await server.relay(tenant, "app/json", { method: "POST", body, headers: { "X-Hostile": HOSTILE } })).text();
    await (await server.relay(tenant, "app/image")).arrayBuffer();
    await (await server.relay(tenant, `app/html?${encodeURIComponent(HOSTILE)}`)).text();
    await page.getByRole("region", { name: "Recorded requests" }).getByRole("row").nth(3).waitFor();
    await assertWellMade(visitor);
    const recordingUrl = page.url();

    await page.getByRole("link", { name: /GET app\/html/ }).click();
    await page.getByRole("heading", { name: "Response to the client" }).waitFor();
    assert.ok((await page.locator("#client-response-body").textContent())?.includes(HOSTILE));
    await assertWellMade(visitor);
    await page.goto(recordingUrl);
    await page.getByRole("link", { name: /GET app\/image/ }).click();
    const image = page.locator("#client-response img");
    await image.waitFor();
    assert.equal(await image.evaluate((element) => (element as unknown as { naturalWidth: number }).naturalWidth), 1);

    await page.goto(recordingUrl);
    await page.getByRole("link", { name: /POST app\/json/ }).click();
    await visitor.see("Send the body as it was recorded");
    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download the body of Request of the client" }).click();
    assert.equal(await Deno.readTextFile(await (await downloading).path()), body);
    await pressKey(visitor, "Send");
    await page.getByRole("heading", { name: "Compared with what was recorded" }).waitFor();
    assert.match(await page.locator(".diff-lines").textContent() ?? "", /- +"count": \d+,\+ +"count": \d+,/);
    await assertWellMade(visitor);

    await page.goto(recordingUrl);
    const exporting = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export as HAR" }).click();
    assert.match((await exporting).suggestedFilename(), /^recording-[0-9a-f-]+\.har$/);
    await pressKey(visitor, "Stop recording");
    await page.getByLabel("Delete this recording?").press("Enter");
    await pressKey(visitor, "Delete recording");
    await visitor.see("The recording and all that was in it are deleted.");
  }
});

Deno.test("a person tries a target and pings it", async () => {
  await using site = await startSite({
    app: async (request) => new Response(`${request.method} ${request.headers.get("x-a")} ${await request.text()}`),
  });
  await using launched = await launch();
  const viewport = { width: 390, height: 800 };
  await using visitor = await Visitor.as("writer", { ...launched, server: site.server, viewport });
  const { page } = visitor;
  await visitor.go(`/tenants/${site.tenant.name}/try`);
  await assertWellMade(visitor);
  assert.equal(await page.getByLabel("Target").inputValue(), "app");
  await page.getByLabel("Method").fill("POST");
  await page.getByLabel("Headers").fill("X-A: one");
  await page.getByLabel("Body", { exact: true }).fill("<b>two</b>");
  await pressKey(visitor, "Send");
  await page.getByRole("heading", { name: "Where the time went" }).waitFor();
  assert.equal(await page.locator("#answer-body").textContent(), "POST one <b>two</b>");
  await assertWellMade(visitor);
  await pressKey(visitor, "Ping connectors and target");
  await visitor.see(/Answered 200 in/);
  await assertWellMade(visitor);
  await page.getByLabel("Target").fill("nothing");
  await pressKey(visitor, "Send");
  await visitor.see("The relay answered itself: target_unknown");
});
