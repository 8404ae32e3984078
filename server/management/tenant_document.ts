/**
 * A tenant as JSON, in and out, compatible with RelayServer v3: durations are `hh:mm:ss`, null stands for the server's default.
 *
 * @module
 */

import { z } from "zod";
import { formatTimeSpan } from "../../shared/time/duration.ts";
import {
  ACKNOWLEDGE_MODES,
  DEFAULT_TENANT_SETTINGS,
  isTenantName,
  type Tenant,
  type TenantSettings,
} from "../persistence/mod.ts";
import { accessPolicySchema } from "../policy/mod.ts";
import { textSchema, timeSpanSchema } from "./input.ts";

const SHORTEST_KEEP_ALIVE_MS = 100;
const MOST_CONCURRENT_REQUESTS = 1_000_000;

/** How long a connection may be silent. */
export const keepAliveIntervalSchema = timeSpanSchema(SHORTEST_KEEP_ALIVE_MS);
/** A delay of a connector that lost its connection. */
export const reconnectDelaySchema = timeSpanSchema(0);
/** How many requests a connection serves at a time. */
export const concurrentRequestsSchema = z.int().min(0).max(MOST_CONCURRENT_REQUESTS);

/** What a tenant may be called. */
export const tenantNameSchema = z.string().max(100).refine(
  isTenantName,
  "Expected 1 to 100 letters, digits, dots, underscores and hyphens, but neither . nor ..",
).meta({ pattern: "^[A-Za-z0-9._-]{1,100}$", description: "Never changes; found without regard to case." });

/** Fields that RelayServer v3 has: one that is absent gets its default. */
const v3Fields = {
  displayName: textSchema(200).nullish().meta({ description: "Name for people." }),
  description: textSchema(4_000).nullish(),
  requireAuthentication: z.boolean().optional().meta({ description: "Clients need a token of this tenant." }),
  maximumConcurrentConnectorRequests: concurrentRequestsSchema.optional().meta({
    description: "Requests that a connection serves at a time; 0 for the server's limit.",
  }),
  keepAliveInterval: keepAliveIntervalSchema.nullish().meta({
    description: "Silence after which a connection counts as lost.",
  }),
  enableTracing: z.boolean().nullish().meta({ description: "Answers carry tracing headers." }),
  reconnectMinimumDelay: reconnectDelaySchema.nullish(),
  reconnectMaximumDelay: reconnectDelaySchema.nullish(),
};

/** Fields that are told and not taken: a document that was read can be sent back. */
const ignoredFields = {
  id: z.unknown().optional().meta({ readOnly: true, description: "Is not taken." }),
  created: z.unknown().optional().meta({ readOnly: true, description: "Is not taken." }),
  updated: z.unknown().optional().meta({ readOnly: true, description: "Is not taken." }),
  connections: z.unknown().optional().meta({ readOnly: true, description: "Is not taken." }),
};

const settingFields = {
  ...v3Fields,
  acknowledgeMode: z.enum(ACKNOWLEDGE_MODES).nullish(),
  requireActiveConnection: z.boolean().nullish().meta({
    description: "Whether a request fails at once when no connector is connected.",
  }),
  enabled: z.boolean().optional(),
  accessPolicy: accessPolicySchema.nullish(),
  ...ignoredFields,
};

const delays = { path: ["reconnectMinimumDelay"], message: "Must not be above reconnectMaximumDelay" };

/** Schema of what is said about a new tenant. */
export const newTenantSchema = z.strictObject({ name: tenantNameSchema, ...settingFields })
  .refine(delaysAreInOrder, delays).meta({ id: "NewTenant" });

/** Schema of what is said about a tenant that exists. */
export const tenantChangeSchema = z.strictObject({ name: tenantNameSchema.optional(), ...settingFields })
  .refine(delaysAreInOrder, delays).meta({ id: "TenantChange" });

function delaysAreInOrder(delays: {
  readonly reconnectMinimumDelay?: number | null | undefined;
  readonly reconnectMaximumDelay?: number | null | undefined;
}): boolean {
  return (delays.reconnectMinimumDelay ?? 0) <= (delays.reconnectMaximumDelay ?? Infinity);
}

/** What is said about a new tenant. */
export type NewTenant = z.output<typeof newTenantSchema>;
/** What is said about a tenant that exists. */
export type TenantChange = z.output<typeof tenantChangeSchema>;

/** The settings that an input stands for; those that it leaves alone are absent. */
export function settingsOf(input: NewTenant | TenantChange): Partial<TenantSettings> {
  const { acknowledgeMode, requireActiveConnection, enabled, accessPolicy } = input;
  const { requireAuthentication, maximumConcurrentConnectorRequests, enableTracing } = DEFAULT_TENANT_SETTINGS;
  return {
    displayName: input.displayName ?? null,
    description: input.description ?? null,
    requireAuthentication: input.requireAuthentication ?? requireAuthentication,
    maximumConcurrentConnectorRequests: input.maximumConcurrentConnectorRequests ?? maximumConcurrentConnectorRequests,
    keepAliveIntervalMs: input.keepAliveInterval ?? null,
    enableTracing: input.enableTracing === undefined ? enableTracing : input.enableTracing,
    reconnectMinimumDelayMs: input.reconnectMinimumDelay ?? null,
    reconnectMaximumDelayMs: input.reconnectMaximumDelay ?? null,
    ...(acknowledgeMode === undefined ? {} : { acknowledgeMode }),
    ...(requireActiveConnection === undefined ? {} : { requireActiveConnection }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(accessPolicy === undefined ? {} : { accessPolicy }),
  };
}

/** A tenant as it is shown. */
export const tenantDocumentSchema = z.object({
  id: z.guid(),
  name: z.string(),
  displayName: z.string().nullable(),
  description: z.string().nullable(),
  requireAuthentication: z.boolean(),
  maximumConcurrentConnectorRequests: z.int(),
  keepAliveInterval: z.string().nullable(),
  enableTracing: z.boolean().nullable(),
  reconnectMinimumDelay: z.string().nullable(),
  reconnectMaximumDelay: z.string().nullable(),
  acknowledgeMode: z.enum(ACKNOWLEDGE_MODES).nullable(),
  requireActiveConnection: z.boolean().nullable(),
  enabled: z.boolean(),
  accessPolicy: z.unknown().meta({ description: "The access policy; null when there is none." }),
  created: z.iso.datetime(),
  updated: z.iso.datetime(),
}).meta({ id: "Tenant" });

/** A tenant as it is shown. */
export type TenantDocument = z.output<typeof tenantDocumentSchema>;

/** Shows a tenant. */
export function toTenantDocument(tenant: Tenant): TenantDocument {
  const timeSpan = (milliseconds: number | null) => milliseconds === null ? null : formatTimeSpan(milliseconds);
  return {
    id: tenant.id,
    name: tenant.name,
    displayName: tenant.displayName,
    description: tenant.description,
    requireAuthentication: tenant.requireAuthentication,
    maximumConcurrentConnectorRequests: tenant.maximumConcurrentConnectorRequests,
    keepAliveInterval: timeSpan(tenant.keepAliveIntervalMs),
    enableTracing: tenant.enableTracing,
    reconnectMinimumDelay: timeSpan(tenant.reconnectMinimumDelayMs),
    reconnectMaximumDelay: timeSpan(tenant.reconnectMaximumDelayMs),
    acknowledgeMode: tenant.acknowledgeMode,
    requireActiveConnection: tenant.requireActiveConnection,
    enabled: tenant.enabled,
    accessPolicy: tenant.accessPolicy,
    created: new Date(tenant.createdAt).toISOString(),
    updated: new Date(tenant.updatedAt).toISOString(),
  };
}
