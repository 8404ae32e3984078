/**
 * The access policy of a tenant, as it is stored, as the management API takes it, and as `docs/policy.md` explains it. Nothing is transformed: what was
 * accepted is stored as it was written.
 *
 * @module
 */

import { z } from "zod";
import { parseSize, SIZE_FORMS } from "../../shared/config/size.ts";
import { isIssuerUrl } from "../auth/issuer_url.ts";
import { parseNetwork } from "./network.ts";
import { parsePathPrefix } from "./path.ts";

const MAX_ITEMS = 200;
const MAX_NETWORKS = 2_000;

/** Names stand in logs and in the audit. */
const name = z.string().regex(
  /^[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,98}[A-Za-z0-9])?$/,
  "Expected 1 to 100 letters, digits, spaces, dots, underscores and hyphens",
);

function listOf<T extends z.ZodType>(element: T, maximum = MAX_ITEMS) {
  return z.array(element).min(1, "Expected at least one; leave the key out for no restriction").max(maximum);
}

/** Says what a reader says that throws a `RangeError`. */
function readable(read: (text: string) => unknown) {
  return z.string().max(2_000).superRefine((text, context) => {
    try {
      read(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });
}

const size = z.union([z.int(), z.string().max(30)], { error: `Expected ${SIZE_FORMS}` }).refine(
  (value) => {
    try {
      parseSize(String(value));
      return true;
    } catch {
      return false;
    }
  },
  `Expected ${SIZE_FORMS}`,
);

const claimValue = z.union([z.string().max(1_000), z.number(), z.boolean()]);

const callerSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("client"),
    secretIds: listOf(z.uuid()).optional().describe(
      "Only tokens that were got with one of these secrets of the tenant.",
    ),
  }).describe("Whoever has a token of this tenant with the scope client."),
  z.strictObject({
    type: z.literal("issuer"),
    issuer: z.string().max(500).refine(
      isIssuerUrl,
      "Expected an https URL without query and fragment; http only for this machine",
    )
      .describe("The issuer, as its tokens and its discovery document name it."),
    audience: z.string().min(1).max(500).optional().describe("Whom its tokens must be for; without it auth.audience."),
    claims: z.record(z.string().min(1).max(200), z.union([claimValue, listOf(claimValue)])).refine(
      (claims) => Object.keys(claims).length > 0,
      "Expected at least one claim: a token of the issuer alone says nothing about who has it",
    ).describe("What a token must say. All claims must be there, each with one of its values."),
  }).describe("Whoever has a token of another issuer that says what is required."),
  z.strictObject({
    type: z.literal("apiKey"),
    secretIds: listOf(z.uuid()).describe(
      "Secrets of the tenant for the use client that count as API keys of this caller.",
    ),
  }).describe("Whoever sends one of these secrets of the tenant itself, without fetching a token for it."),
]);

const conditions = {
  callers: listOf(name).optional().describe("Names of callers, see callers."),
  addresses: listOf(readable(parseNetwork), MAX_NETWORKS).optional().describe(
    "IP addresses and networks of clients, as far as trustedProxies are believed.",
  ),
  targets: listOf(z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, "Expected the name of a target")).optional().describe(
    "Names of targets, in any case.",
  ),
  methods: listOf(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}$/, "Expected a method such as GET")).optional()
    .describe("Methods."),
  pathPrefixes: listOf(readable(parsePathPrefix)).optional().describe(
    "Beginnings of what follows the target. Whole segments count: /api is /api and /api/x, not /apix.",
  ),
  contentTypes: listOf(
    z.string().max(200).regex(
      /^(?:\*\/\*|[!#$%&'+.^_`|~0-9A-Za-z-]+\/(?:\*|[!#$%&'+.^_`|~0-9A-Za-z-]+))$/,
      "Expected a type such as application/json or image/*",
    ),
  ).optional().describe("Types of the request's body, without parameters."),
};

const ruleSchema = z.strictObject({
  name: name.describe("Stands in the access log, the request log and the audit."),
  effect: z.enum(["allow", "deny"]),
  ...conditions,
  maxBodySize: size.optional().describe("Largest body of a request that this rule allows."),
});

const rateLimitSchema = z.strictObject({
  requestsPerSecond: z.number().positive().max(1_000_000),
  burst: z.int().min(1).max(1_000_000).optional().describe(
    "How many may come at once after a pause; without it requestsPerSecond, at least 1.",
  ),
  per: z.enum(["tenant", "caller", "address"]).describe("Who shares it. Without a caller an address stands for it."),
});

/** The schema. */
export const accessPolicySchema = z.strictObject({
  default: z.enum(["allow", "deny"]).describe("What becomes of a request that no rule is for."),
  callers: z.record(name, callerSchema).refine((callers) => Object.keys(callers).length <= MAX_ITEMS, {
    message: `Expected at most ${MAX_ITEMS} callers`,
  }).optional().describe("Who can be told apart, by a name for the rules."),
  rules: z.array(ruleSchema).max(MAX_ITEMS).optional().describe("The first rule whose conditions all hold decides."),
  maxBodySize: size.optional().describe("Largest body of any request."),
  rateLimits: z.array(rateLimitSchema).max(10).optional().describe("How many requests may come. All limits hold."),
}).superRefine(({ callers = {}, rules = [], rateLimits = [] }, context) => {
  const issue = (path: PropertyKey[], message: string) => context.addIssue({ code: "custom", path, message });
  const names = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    if (names.has(rule.name)) issue(["rules", index, "name"], "Expected another name than that of a rule above");
    names.add(rule.name);
    for (const [place, caller] of (rule.callers ?? []).entries()) {
      if (!Object.hasOwn(callers, caller)) {
        issue(["rules", index, "callers", place], "Expected a name that callers has");
      }
    }
    if (rule.effect === "deny" && rule.maxBodySize !== undefined) {
      issue(["rules", index, "maxBodySize"], "Expected only in a rule that allows");
    }
  }
  for (const [index, { per }] of rateLimits.entries()) {
    if (per === "caller" && Object.keys(callers).length === 0) {
      issue(["rateLimits", index, "per"], "Expected callers to tell apart: callers is empty");
    }
  }
});

/** An access policy. */
export type AccessPolicy = z.output<typeof accessPolicySchema>;
/** One rule of it. */
export type PolicyRule = z.output<typeof ruleSchema>;
/** One caller of it. */
export type PolicyCaller = z.output<typeof callerSchema>;
