import assert from "node:assert/strict";
import { makeSecret, Receiver } from "../server/webhooks/testing.ts";
import { startConnector } from "./testkit/connector.ts";
import { within } from "./testkit/deadline.ts";
import { DataFolder, startServerProcess } from "./testkit/programs.ts";
import { startSite } from "./testkit/site.ts";
import { startTarget } from "./testkit/target.ts";
import { testLog } from "./testkit/log.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";
const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`;

/** A span as OTLP writes it in JSON. */
interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];
}

interface TracesRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}

/** A collector that takes OTLP over HTTP in JSON. */
class Collector implements AsyncDisposable {
  readonly spans: Span[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const body = await request.json();
    if (new URL(request.url).pathname === "/v1/traces") {
      const { resourceSpans } = body as TracesRequest;
      this.spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)));
      this.#listeners.forEach((listener) => listener());
    }
    return Response.json({});
  });

  /** What makes a Deno program send its spans here. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "relayserver",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "50",
    };
  }

  /** Waits until so many spans match. */
  async waitFor(matches: (span: Span) => boolean, count = 1): Promise<Span[]> {
    const { promise, resolve } = Promise.withResolvers<Span[]>();
    const check = () => {
      const found = this.spans.filter(matches);
      if (found.length >= count) resolve(found);
    };
    this.#listeners.add(check);
    check();
    return await within(promise, { timeoutMs: 20_000, what: "spans", detail: () => JSON.stringify(this.spans) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

function attribute(span: Span, key: string): string {
  return span.attributes.find((each) => each.key === key)?.value.stringValue ?? "";
}

function answerWithHeaders({ headers }: Request): Response {
  return Response.json(Object.fromEntries(headers));
}

Deno.test("W3C trace context reaches the target as the client sent it, and its trace id the log", async () => {
  await using target = startTarget(answerWithHeaders);
  await using site = await startSite({ app: target.url });
  const { server, tenant } = site;
  const headers = { traceparent: TRACEPARENT, tracestate: "vendor=a,other=b", baggage: "user=1" };
  const got = await (await server.relay(tenant, "app/x", { headers })).json();
  for (const [name, value] of Object.entries(headers)) assert.equal(got[name], value);
  const { properties } = await testLog.waitFor({ message: /tenant/, properties: { traceId: TRACE_ID } });
  assert.equal(properties.requestId, got["relayserver-requestid"]);
});

Deno.test("with OTEL_DENO=true the server's span of a relayed request belongs to the client's trace, on both listeners", async () => {
  for (const listener of ["node", "native"] as const) {
    await using collector = new Collector();
    await using target = startTarget(answerWithHeaders);
    await using folder = await DataFolder.create();
    await using server = await startServerProcess(folder, { listener }, { env: collector.env });
    const tenant = await folder.database.createTenant();
    await using _connector = await startConnector(server, tenant, { targets: { app: target.url } });
    const got = await (await server.relay(tenant, "app/x", { headers: { traceparent: TRACEPARENT } })).json();
    const [span] = await collector.waitFor(({ traceId }) => traceId === TRACE_ID);
    assert.deepEqual([span!.kind, span!.parentSpanId], [2, SPAN_ID], listener);
    assert.equal(got.traceparent, TRACEPARENT);
  }
});

Deno.test("with OTEL_DENO=true calls of webhooks are traces of their own, not part of the one before", async () => {
  await using collector = new Collector();
  await using receiver = new Receiver();
  await using folder = await DataFolder.create();
  const webhooks = { crm: { url: receiver.url, secret: makeSecret(), events: ["tenant.offline" as const] } };
  const overrides = { webhooks, connectionGrace: "1ms" };
  await using server = await startServerProcess(folder, overrides, { env: collector.env });
  // Held up, the events are delivered one after the other.
  const held = Promise.withResolvers<Response>();
  receiver.answers.push(() => held.promise);
  for (let count = 1; count <= 3; count++) {
    const tenant = await folder.database.createTenant();
    await using _connector = await startConnector(server, tenant, { targets: { app: () => new Response() } });
    await server.connected(count);
  }
  await server.process.waitForLine(/disconnected/, { count: 3 });
  held.resolve(new Response());
  await receiver.called(3);
  const spans = await collector.waitFor((span) => attribute(span, "url.full") === receiver.url && span.kind === 3, 3);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 3);
  assert.deepEqual(spans.map(({ parentSpanId = "" }) => parentSpanId), ["", "", ""]);
});
