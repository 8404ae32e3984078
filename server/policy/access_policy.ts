/**
 * One tenant's access policy, ready to decide about requests.
 *
 * @module
 */

import { parseSize } from "../../shared/config/size.ts";
import { type Caller, CallerDirectory } from "./callers.ts";
import { clientKey } from "./network.ts";
import { Rule, type RuleSubject } from "./rules.ts";
import { type AccessPolicy, accessPolicySchema } from "./schema.ts";
import { TokenBuckets } from "./token_bucket.ts";

/** What becomes of a request. */
export type PolicyDecision =
  /** `maxBodyBytes` is `undefined` for no limit. */
  | { readonly effect: "allow"; readonly reason: string; readonly maxBodyBytes: number | undefined }
  /** `needsCaller`: it would have been allowed to one of the callers, and nobody has said who it is. */
  | { readonly effect: "deny"; readonly reason: string; readonly needsCaller: boolean }
  | { readonly effect: "limit"; readonly reason: string; readonly retryAfterMs: number };

interface RateLimit {
  readonly per: "tenant" | "caller" | "address";
  readonly buckets: TokenBuckets;
  readonly reason: string;
}

/** Decides about the requests of one tenant. It remembers how many have come. */
export class CompiledPolicy {
  /** Who can be told apart. */
  readonly callers: CallerDirectory;
  readonly #rules: readonly Rule[];
  readonly #isOpen: boolean;
  readonly #maxBodyBytes: number | undefined;
  readonly #beforeRules: readonly RateLimit[];
  readonly #afterRules: readonly RateLimit[];

  /**
   * @param policy What {@link accessPolicySchema} has accepted.
   * @param now Milliseconds, monotonic.
   */
  constructor(policy: AccessPolicy, now: () => number) {
    this.callers = new CallerDirectory(policy.callers ?? {});
    this.#rules = (policy.rules ?? []).map((rule) => new Rule(rule));
    this.#isOpen = policy.default === "allow";
    this.#maxBodyBytes = policy.maxBodySize === undefined ? undefined : parseSize(String(policy.maxBodySize));
    const limits = (policy.rateLimits ?? []).map(({ requestsPerSecond, burst, per }): RateLimit => ({
      per,
      buckets: new TokenBuckets({
        perSecond: requestsPerSecond,
        burst: burst ?? Math.max(1, Math.floor(requestsPerSecond)),
      }, { now }),
      reason: `limit: ${requestsPerSecond} requests/s per ${per}`,
    }));
    this.#beforeRules = limits.filter(({ per }) => per === "address");
    this.#afterRules = limits.filter(({ per }) => per !== "address");
  }

  /**
   * Counts a request against the limits per address: before anything about it is verified, which costs more.
   *
   * @returns What stands against it, if anything.
   */
  admit(subject: RuleSubject): PolicyDecision | undefined {
    return this.#beforeRules.length === 0 ? undefined : count(this.#beforeRules, { subject });
  }

  /**
   * Decides about a request.
   *
   * @param caller Who sent it, if anybody could tell.
   */
  decide(subject: RuleSubject, caller: Caller | undefined): PolicyDecision {
    let needsCaller = false;
    for (const rule of this.#rules) {
      if (!rule.isFor(subject)) continue;
      if (!rule.isForCaller(caller, subject)) {
        needsCaller ||= rule.isAllowing && caller === undefined;
        continue;
      }
      if (!rule.isAllowing) return { effect: "deny", reason: rule.reason, needsCaller: false };
      return this.#limited(subject, caller) ?? this.#allow(rule.reason, { rule, caller });
    }
    if (!this.#isOpen) return { effect: "deny", reason: "deny: default", needsCaller };
    return this.#limited(subject, caller) ?? this.#allow("allow: default", { caller });
  }

  #allow(
    reason: string,
    { rule, caller }: { readonly rule?: Rule; readonly caller: Caller | undefined },
  ): PolicyDecision {
    const who = caller === undefined ? "" : `, caller "${[...caller.names].join('", "')}"`;
    return { effect: "allow", reason: reason + who, maxBodyBytes: smaller(this.#maxBodyBytes, rule?.maxBodyBytes) };
  }

  /** Only what the rules allow counts here, so that who is denied takes nothing from the others. */
  #limited(subject: RuleSubject, caller: Caller | undefined): PolicyDecision | undefined {
    return this.#afterRules.length === 0 ? undefined : count(this.#afterRules, { subject, caller });
  }
}

/**
 * Makes a policy ready.
 *
 * @param stored The JSON value that is stored.
 * @throws {ZodError} When the schema of this version does not accept it.
 */
export function compilePolicy(stored: unknown, now: () => number): CompiledPolicy {
  return new CompiledPolicy(accessPolicySchema.parse(stored), now);
}

interface Participant {
  readonly subject: RuleSubject;
  readonly caller?: Caller | undefined;
}

function count(limits: readonly RateLimit[], participant: Participant): PolicyDecision | undefined {
  for (const { per, buckets, reason } of limits) {
    const retryAfterMs = buckets.take(per === "tenant" ? "" : participantKey(per, participant));
    if (retryAfterMs > 0) return { effect: "limit", reason, retryAfterMs };
  }
  return undefined;
}

/** Addresses that cannot be read count as one. */
function participantKey(per: "caller" | "address", { subject: { address }, caller }: Participant): string | number {
  if (per === "caller" && caller !== undefined) return caller.key;
  return address === null ? "" : clientKey(address);
}

function smaller(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
