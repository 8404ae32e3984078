/**
 * A site whose traffic is recorded.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { FetchHandler } from "../../connector/targets/fetch_handler.ts";
import type { Interceptor } from "../../server/interceptors/mod.ts";
import type { RecordedRequestDocument } from "../../server/management/recordings/recording_document.ts";
import { within } from "./deadline.ts";
import { ManagementClient } from "./management.ts";
import type { ServerOverrides } from "./server.ts";
import { type Site, startSite } from "./site.ts";

/** A site, and what its management says. */
export class RecordedSite implements AsyncDisposable {
  readonly site: Site;
  readonly api: ManagementClient;

  private constructor(site: Site, api: ManagementClient) {
    this.site = site;
    this.api = api;
  }

  /** Starts a server and a connector with one target, `app`. */
  static async start(
    app: FetchHandler,
    { overrides = {}, interceptors = [] }: { overrides?: ServerOverrides; interceptors?: Interceptor[] } = {},
  ): Promise<RecordedSite> {
    const site = await startSite({ app }, overrides, { interceptors });
    return new RecordedSite(site, await ManagementClient.of(site.server, "writer"));
  }

  /** Where the tenant is in the management API. */
  get path(): `/tenants/${string}` {
    return `/tenants/${this.site.tenant.name}`;
  }

  /** Sends a request through the relay. */
  relay(path: string, init?: RequestInit): Promise<Response> {
    return this.site.server.relay(this.site.tenant, path, init);
  }

  /** Begins a recording and tells its id. */
  async record(input: Record<string, unknown> = {}): Promise<string> {
    const { status, json } = await this.api.call("POST", `${this.path}/recordings`, { json: input });
    assert.equal(status, 201);
    return json.id;
  }

  /** Waits until so many requests are in a recording, and reads them. */
  async requests(id: string, count: number): Promise<RecordedRequestDocument[]> {
    const listed = async () => {
      for (;;) {
        const { json } = await this.api.call("GET", `${this.path}/recordings/${id}/requests?take=100`);
        if (json.totalCount >= count) return json.results;
        await this.site.server.handled();
      }
    };
    const results = await within(listed(), { timeoutMs: 20_000, what: `${count} recorded requests` });
    assert.equal(results.length, count);
    return await Promise.all(
      results.map(async (summary) =>
        (await this.api.call("GET", `${this.path}/recordings/${id}/requests/${summary.id}`)).json
      ),
    );
  }

  /** Waits until a request is in a recording, and reads it. There must be no other. */
  async request(id: string): Promise<RecordedRequestDocument> {
    const [request] = await this.requests(id, 1);
    return request!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}
