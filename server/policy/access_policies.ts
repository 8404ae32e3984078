/**
 * The access policies of all tenants: compiled once for each version.
 *
 * @module
 */

import { z } from "zod";
import { getLogger } from "../../shared/log/logger.ts";
import { type CompiledPolicy, compilePolicy } from "./access_policy.ts";

const logger = getLogger("policy");

/** Policies kept at most. */
const MAX_POLICIES = 20_000;

/** Whose policy it is. */
export interface PolicyOwner {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  /** The JSON value that is stored; null for none. */
  readonly accessPolicy: unknown;
}

interface Entry {
  /** The value itself, which is the same as long as the tenant stays cached. */
  readonly stored: unknown;
  readonly text: string;
  /** `undefined` when the stored policy cannot be used. */
  readonly policy: CompiledPolicy | undefined;
}

/** Keeps compiled policies, and with them the counts of their rate limits. */
export class AccessPolicies {
  readonly #now: () => number;
  readonly #maxPolicies: number;
  readonly #entries = new Map<string, Entry>();

  /** @param options `now` in milliseconds, monotonic; `maxPolicies` is 20,000 unless given. */
  constructor(options: { readonly now: () => number; readonly maxPolicies?: number }) {
    this.#now = options.now;
    this.#maxPolicies = options.maxPolicies ?? MAX_POLICIES;
  }

  /**
   * The policy of a tenant that has one.
   *
   * @returns `undefined` when the stored one cannot be used, for instance because a newer version has written it. Nobody may pass then.
   */
  of(tenant: PolicyOwner): CompiledPolicy | undefined {
    const known = this.#entries.get(tenant.id);
    if (known !== undefined && known.stored === tenant.accessPolicy) return known.policy;
    const text = JSON.stringify(tenant.accessPolicy);
    const policy = known?.text === text ? known.policy : this.#compile(tenant);
    this.#entries.delete(tenant.id);
    this.#entries.set(tenant.id, { stored: tenant.accessPolicy, text, policy });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#maxPolicies && oldest !== undefined) this.#entries.delete(oldest);
    return policy;
  }

  #compile({ id, name, accessPolicy }: PolicyOwner): CompiledPolicy | undefined {
    try {
      return compilePolicy(accessPolicy, this.#now);
    } catch (error) {
      if (!(error instanceof z.ZodError)) throw error;
      logger.error("The access policy of {tenant} cannot be used, so that all its requests are denied: {problems}", {
        tenant: name,
        tenantId: id,
        problems: z.prettifyError(error),
      });
      return undefined;
    }
  }
}
