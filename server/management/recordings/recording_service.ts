/**
 * Recordings: begun, ended, read, exported, removed.
 *
 * @module
 */

import type {
  Actor,
  Page,
  RecordedPlace,
  RecordedRequest,
  RecordedRequestSummary,
  Recording,
  Tenant,
} from "../../persistence/mod.ts";
import { record } from "../audit_trail.ts";
import { ManagementError } from "../management_error.ts";
import type { Repositories, Store } from "../store.ts";
import { requireLockedTenant, requireTenant } from "../tenant_service.ts";
import { toCurlCommand } from "./curl.ts";
import type { ServerAddress } from "./export_address.ts";
import { HAR_END, HAR_START, toHarEntry } from "./har.ts";
import { type NewRecordingInput, toRecordingDocument } from "./recording_document.ts";

const DEFAULT_DURATION_MS = 5 * 60_000;
/** Recordings of one tenant that run at the same time. */
const MOST_RUNNING = 5;

/** What a recording may cost. */
export interface RecordingLimits {
  readonly maxDurationMs: number;
  readonly maxRequests: number;
  readonly maxBytes: number;
}

/** What {@link RecordingService} works with. */
export interface RecordingServiceParts {
  readonly store: Store;
  /** Makes this origin look for what is to be recorded; the others find out by themselves. */
  readonly recordingsChanged: () => Promise<void>;
  readonly limits: RecordingLimits;
  readonly address: ServerAddress;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Which recording. */
export interface RecordingKey {
  readonly tenantName: string;
  /** UUID. */
  readonly id: string;
}

/** Formats of exports. */
export const EXPORT_FORMATS = ["har", "curl"] as const;

/** One of {@link EXPORT_FORMATS}. */
export type ExportFormat = typeof EXPORT_FORMATS[number];

/** Looks after recordings. */
export class RecordingService {
  readonly #parts: RecordingServiceParts;

  constructor(parts: RecordingServiceParts) {
    this.#parts = parts;
  }

  /**
   * Begins a recording.
   *
   * @throws {ManagementError} `tenant_unknown`; `invalid_request` when it would run too long, or too many run already.
   */
  async start(tenantName: string, { input, actor }: { input: NewRecordingInput; actor: Actor }): Promise<Recording> {
    const { store, limits: { maxDurationMs, maxRequests, maxBytes }, now } = this.#parts;
    const { duration: durationMs = Math.min(DEFAULT_DURATION_MS, maxDurationMs), target, pathPrefix, status } = input;
    if (durationMs > maxDurationMs) throw tooLong(maxDurationMs);
    const recording = await store.transaction(async (repositories) => {
      const tenant = await requireLockedTenant(repositories, tenantName);
      if (await repositories.recordings.countRunning(tenant.id) >= MOST_RUNNING) throw tooMany();
      const recording = await repositories.recordings.insert({
        tenantId: tenant.id,
        filter: {
          target: target ?? null,
          pathPrefix: pathPrefix || null,
          minimumStatus: status?.minimum ?? null,
          maximumStatus: status?.maximum ?? null,
          maskHeaders: [...new Set(input.maskHeaders?.map((name) => name.toLowerCase()))],
          recordsBodies: input.bodies ?? true,
        },
        startedBy: actor.name,
        durationMs,
        maxRequests,
        maxBytes,
      });
      const after = toRecordingDocument(recording, now());
      await record(repositories, { actor, action: "recording.create", subject: subjectOf(recording, tenant), after });
      return recording;
    });
    await this.#parts.recordingsChanged();
    return recording;
  }

  /** Ends a recording before its time; one that has ended stays as it is. @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async stop(key: RecordingKey, actor: Actor): Promise<Recording> {
    const recording = await this.#parts.store.transaction(async (repositories) => {
      const { tenant, recording } = await this.#require(repositories, key);
      const ended = await repositories.recordings.end(key.id, "stopped");
      if (ended === undefined) return recording;
      await record(repositories, { actor, action: "recording.stop", subject: subjectOf(recording, tenant) });
      return ended;
    });
    await this.#parts.recordingsChanged();
    return recording;
  }

  /** Removes a recording and what is in it. @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async remove(key: RecordingKey, actor: Actor): Promise<void> {
    const { store, now } = this.#parts;
    const { tenant, recording } = await this.#require(store, key);
    const before = toRecordingDocument(recording, now());
    if (!await store.recordings.remove(key.id)) throw recordingUnknown();
    await record(store, { actor, action: "recording.remove", subject: subjectOf(recording, tenant), before });
    await this.#parts.recordingsChanged();
  }

  /** The recordings of a tenant, newest first. @throws {ManagementError} `tenant_unknown`. */
  async list(tenantName: string, range: { readonly skip: number; readonly take: number }): Promise<Page<Recording>> {
    const { store } = this.#parts;
    const tenant = await requireTenant(store, tenantName);
    return await store.recordings.list(tenant.id, range);
  }

  /** @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async get(key: RecordingKey): Promise<Recording> {
    return (await this.#require(this.#parts.store, key)).recording;
  }

  /** Requests of a recording, oldest first. @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async listRequests(
    key: RecordingKey,
    range: { readonly skip: number; readonly take: number },
  ): Promise<Page<RecordedRequestSummary>> {
    const { store } = this.#parts;
    await this.#require(store, key);
    return await store.recordings.listRequests({ recordingId: key.id, ...range });
  }

  /** Where a request of a tenant that may be gone was recorded. */
  async findByRequest(
    tenantId: string,
    request: { readonly requestId: string; readonly startedAt: number },
  ): Promise<RecordedPlace[]> {
    return await this.#parts.store.recordings.findByRequest(tenantId, request);
  }

  /** A recorded request. @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async getRequest(key: RecordingKey, requestId: string): Promise<RecordedRequest> {
    const { store } = this.#parts;
    await this.#require(store, key);
    const request = await store.recordings.findRequest(key.id, requestId);
    if (request === undefined) throw new ManagementError("not_found", "The recording has no such request");
    return request;
  }

  /** A recorded request as a command. @throws {ManagementError} `tenant_unknown`, `not_found`. */
  async toCurl(key: RecordingKey, requestId: string): Promise<string> {
    return toCurlCommand(await this.getRequest(key, requestId), this.#parts.address);
  }

  /**
   * All requests of a recording, made as somebody reads them.
   *
   * @throws {ManagementError} `tenant_unknown`, `not_found`.
   */
  async export(key: RecordingKey, { format, actor }: { format: ExportFormat; actor: Actor }) {
    const { store } = this.#parts;
    const { tenant, recording } = await this.#require(store, key);
    const after = { format };
    await record(store, { actor, action: "recording.export", subject: subjectOf(recording, tenant), after });
    const parts = format === "har" ? this.#toHar(key.id) : this.#toScript(key.id);
    return ReadableStream.from(parts).pipeThrough(new TextEncoderStream());
  }

  async *#toHar(id: string): AsyncGenerator<string> {
    yield HAR_START;
    let separator = "";
    for await (const request of this.#requestsOf(id)) {
      yield separator + JSON.stringify(toHarEntry(request, this.#parts.address));
      separator = ",";
    }
    yield HAR_END;
  }

  async *#toScript(id: string): AsyncGenerator<string> {
    yield "#!/bin/sh\n";
    for await (const request of this.#requestsOf(id)) yield `\n${toCurlCommand(request, this.#parts.address)}`;
  }

  /** One at a time: together they may be larger than the memory. */
  async *#requestsOf(recordingId: string): AsyncGenerator<RecordedRequest> {
    const { recordings } = this.#parts.store;
    const { results } = await recordings.listRequests({ recordingId });
    for (const { id } of results) {
      const request = await recordings.findRequest(recordingId, id);
      if (request !== undefined) yield request;
    }
  }

  async #require(
    repositories: Pick<Repositories, "tenants" | "recordings">,
    { tenantName, id }: RecordingKey,
  ): Promise<{ readonly tenant: Tenant; readonly recording: Recording }> {
    const tenant = await requireTenant(repositories, tenantName);
    const recording = await repositories.recordings.find(tenant.id, id);
    if (recording === undefined) throw recordingUnknown();
    return { tenant, recording };
  }
}

function subjectOf({ id }: Recording, { name }: Tenant) {
  return { id, name };
}

function recordingUnknown(): ManagementError {
  return new ManagementError("not_found", "The tenant has no such recording");
}

function tooLong(maxDurationMs: number): ManagementError {
  return new ManagementError("invalid_request", "Cannot start recording: it would run too long", {
    problems: [{ in: "body", path: "duration", message: `Must not be above ${maxDurationMs / 60_000} minutes` }],
  });
}

function tooMany(): ManagementError {
  return new ManagementError(
    "invalid_request",
    `Cannot start recording: ${MOST_RUNNING} recordings of the tenant run already; stop one of them`,
  );
}
