/**
 * A tenant's settings as options of a command, and as people read them.
 *
 * @module
 */

import { type CommandCall, type CommandOption, UsageError } from "../../shared/cli/mod.ts";
import { DURATION_FORMS, formatTimeSpan, parseDuration } from "../../shared/time/duration.ts";
import type { ServerConfig } from "../config.ts";
import { ACKNOWLEDGE_MODES, type AcknowledgeMode, type Tenant, type TenantSettings } from "../persistence/mod.ts";

type Options = CommandCall<ServerConfig>["options"];

/** The options. What is not given is the server's default. */
export const TENANT_OPTIONS: Readonly<Record<string, CommandOption>> = {
  "display-name": { summary: "Name for people", value: "TEXT" },
  "description": { summary: "What the tenant is", value: "TEXT" },
  "require-authentication": { summary: "Clients need a token of this tenant" },
  "maximum-concurrent-connector-requests": {
    summary: "Requests that a connection serves at a time, 0 for the server's limit",
    value: "NUMBER",
  },
  "keep-alive-interval": { summary: "Silence after which a connection counts as lost", value: "DURATION" },
  "enable-tracing": { summary: "Answers carry tracing headers" },
  "reconnect-minimum-delay": { summary: "Shortest delay of a connector that lost its connection", value: "DURATION" },
  "reconnect-maximum-delay": { summary: "Longest delay of a connector that lost its connection", value: "DURATION" },
  "acknowledge-mode": {
    summary: "When a request counts as delivered",
    value: "MODE",
    choices: ACKNOWLEDGE_MODES,
  },
  "require-active-connection": {
    summary: "Whether a request fails at once when no connector is connected",
    value: "BOOLEAN",
    choices: ["true", "false"],
  },
  "disabled": { summary: "The tenant exists but cannot be used" },
};

/**
 * Reads the options.
 *
 * @throws {UsageError} When a value is not what its option takes.
 */
export function parseTenantOptions(options: Options): Partial<TenantSettings> {
  const text = (name: string) => options[name] as string | undefined;
  const duration = (name: string) => parseDurationOption(options, name) ?? null;
  const requireActiveConnection = text("require-active-connection");
  const settings = {
    displayName: text("display-name") ?? null,
    description: text("description") ?? null,
    requireAuthentication: options["require-authentication"] === true,
    maximumConcurrentConnectorRequests: parseNumberOption(options, "maximum-concurrent-connector-requests") ?? 0,
    keepAliveIntervalMs: duration("keep-alive-interval"),
    enableTracing: options["enable-tracing"] === true,
    reconnectMinimumDelayMs: duration("reconnect-minimum-delay"),
    reconnectMaximumDelayMs: duration("reconnect-maximum-delay"),
    acknowledgeMode: (text("acknowledge-mode") as AcknowledgeMode | undefined) ?? null,
    requireActiveConnection: requireActiveConnection === undefined ? null : requireActiveConnection === "true",
    enabled: options["disabled"] !== true,
  };
  const { reconnectMinimumDelayMs: minimumMs, reconnectMaximumDelayMs: maximumMs } = settings;
  if (minimumMs !== null && maximumMs !== null && minimumMs > maximumMs) {
    throw new UsageError("Wrong value for --reconnect-minimum-delay, expected at most --reconnect-maximum-delay");
  }
  return settings;
}

/**
 * Reads an option that is a duration.
 *
 * @returns Milliseconds, more than 0; undefined when the option is not given.
 * @throws {UsageError} When it is not a duration.
 */
export function parseDurationOption(options: Options, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  try {
    const milliseconds = parseDuration(String(value));
    if (milliseconds > 0) return milliseconds;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
  }
  throw new UsageError(`Wrong value for --${name}, expected a duration above 0 such as ${DURATION_FORMS}`);
}

function parseNumberOption(options: Options, name: string): number | undefined {
  const value = options[name];
  if (value === undefined) return undefined;
  if (!/^[0-9]{1,9}$/.test(String(value))) {
    throw new UsageError(`Wrong value for --${name}, expected a whole number of at least 0`);
  }
  return Number(value);
}

/** A tenant as the HTTP interface shows it: durations as `hh:mm:ss`, null for the server's default. */
export function describeTenant(tenant: Tenant): Record<string, unknown> {
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
    createdAt: new Date(tenant.createdAt).toISOString(),
    updatedAt: new Date(tenant.updatedAt).toISOString(),
  };
}
