/**
 * A tenant's settings as options of a command.
 *
 * @module
 */

import { type CommandOption, UsageError } from "../../shared/cli/mod.ts";
import { textSchema, type timeSpanSchema } from "../management/input.ts";
import {
  concurrentRequestsSchema,
  keepAliveIntervalSchema,
  type NewTenant,
  reconnectDelaySchema,
} from "../management/tenant_document.ts";
import { ACKNOWLEDGE_MODES, type AcknowledgeMode } from "../persistence/mod.ts";
import type { Options } from "./options.ts";

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
export function parseTenantOptions(options: Options): Omit<NewTenant, "name"> {
  const text = (name: string) => options[name] as string | undefined;
  const requireActiveConnection = text("require-active-connection");
  const settings = {
    displayName: parseTextOption(options, "display-name", 200) ?? null,
    description: parseTextOption(options, "description", 4_000) ?? null,
    requireAuthentication: options["require-authentication"] === true,
    maximumConcurrentConnectorRequests: parseConcurrentRequests(options) ?? 0,
    keepAliveInterval: parseTimeSpanOption(options, "keep-alive-interval", keepAliveIntervalSchema),
    enableTracing: options["enable-tracing"] === true,
    reconnectMinimumDelay: parseTimeSpanOption(options, "reconnect-minimum-delay", reconnectDelaySchema),
    reconnectMaximumDelay: parseTimeSpanOption(options, "reconnect-maximum-delay", reconnectDelaySchema),
    acknowledgeMode: (text("acknowledge-mode") as AcknowledgeMode | undefined) ?? null,
    requireActiveConnection: requireActiveConnection === undefined ? null : requireActiveConnection === "true",
    enabled: options["disabled"] !== true,
  };
  const { reconnectMinimumDelay: minimumMs, reconnectMaximumDelay: maximumMs } = settings;
  if (minimumMs !== null && maximumMs !== null && minimumMs > maximumMs) {
    throw new UsageError("Wrong value for --reconnect-minimum-delay, expected at most --reconnect-maximum-delay");
  }
  return settings;
}

function parseTextOption(options: Options, name: string, maximumLength: number): string | undefined {
  const value = options[name];
  if (value === undefined || textSchema(maximumLength).safeParse(value).success) return value?.toString();
  throw new UsageError(
    `Wrong value for --${name}, expected a text of at most ${maximumLength} characters without control characters`,
  );
}

/** Takes what the API takes: a server could not wait for what is longer. */
function parseTimeSpanOption(
  options: Options,
  name: string,
  schema: ReturnType<typeof timeSpanSchema>,
): number | null {
  const value = options[name];
  if (value === undefined) return null;
  const { data, error } = schema.safeParse(String(value));
  if (data !== undefined) return data;
  throw new UsageError(`Wrong value for --${name}: ${error?.issues[0]?.message}`);
}

function parseConcurrentRequests(options: Options): number | undefined {
  const name = "maximum-concurrent-connector-requests";
  const value = options[name];
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,9}$/.test(String(value)) ? Number(value) : NaN;
  if (concurrentRequestsSchema.safeParse(number).success) return number;
  throw new UsageError(`Wrong value for --${name}, expected a whole number from 0 to 1000000`);
}
