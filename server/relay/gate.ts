/**
 * Lets only those requests pass that the tenant wants: authentication and access policy.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import {
  type AccessPolicies,
  type Caller,
  type CallerVerifiers,
  type CompiledPolicy,
  type DenialObserver,
  type PolicyDecision,
  type PolicyRequest,
  RuleSubject,
} from "../policy/mod.ts";
import type { Tenant } from "../persistence/tenants.ts";
import type { RelayAddress } from "./address.ts";
import { authenticateClient, isPreflight, readCredential } from "./client_authentication.ts";
import type { Exchange } from "./exchange.ts";

/** What a {@link Gate} works with. */
export interface GateParts {
  readonly policies: AccessPolicies;
  readonly callers: CallerVerifiers;
  readonly denials: DenialObserver;
}

/** How a request may go on. */
export interface Admitted {
  /** Name (lower case) of the header whose credential was consumed and must not reach the target. */
  readonly consumedHeader: string | undefined;
  /** Largest body that the policy allows, in bytes; `undefined` for no limit. */
  readonly maxBodyBytes: number | undefined;
}

/** For tenants that want nothing to be checked. */
export const UNCHECKED: Admitted = { consumedHeader: undefined, maxBodyBytes: undefined };

interface Authenticated {
  readonly caller: Caller | undefined;
  readonly consumedHeader: string | undefined;
}

const ANONYMOUS: Authenticated = { caller: undefined, consumedHeader: undefined };

/** Authentication first, then the policy, which may want to know who was authenticated. */
export class Gate {
  readonly #parts: GateParts;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** Whether there is anything to check about requests to a tenant. */
  guards(tenant: Tenant): boolean {
    return tenant.requireAuthentication || tenant.accessPolicy !== null;
  }

  /**
   * Decides about a request.
   *
   * @param exchange Learns the reason when a policy decides.
   * @throws {RelayError} `authentication_required`, `authentication_unavailable`, `access_denied`, `rate_limited`.
   */
  async admit(exchange: Exchange, address: RelayAddress, tenant: Tenant): Promise<Admitted> {
    if (tenant.accessPolicy === null) {
      const { consumedHeader } = await this.#authenticate(exchange, tenant);
      return { consumedHeader, maxBodyBytes: undefined };
    }
    const policy = this.#policyOf(exchange, tenant);
    const subject = new RuleSubject(policyRequestOf(exchange, address));
    this.#enforce(exchange, policy.admit(subject));
    const isAuthenticating = tenant.requireAuthentication || !policy.callers.isEmpty;
    const { caller, consumedHeader } = isAuthenticating
      ? await this.#authenticate(exchange, tenant, policy)
      : ANONYMOUS;
    const decision = policy.decide(subject, caller);
    this.#enforce(exchange, decision);
    return { consumedHeader, maxBodyBytes: decision.effect === "allow" ? decision.maxBodyBytes : undefined };
  }

  /** What streams may turn out too large while it flows. */
  bodyRefused(exchange: Exchange, maxBodyBytes: number): void {
    this.#tell(exchange, `deny: body above ${maxBodyBytes} bytes`);
  }

  #policyOf(exchange: Exchange, tenant: Tenant): CompiledPolicy {
    const policy = this.#parts.policies.of(tenant);
    if (policy !== undefined) return policy;
    this.#tell(exchange, "deny: the policy cannot be used");
    throw new RelayError("access_denied", "The tenant's access policy cannot be used");
  }

  /** A credential that only the policy knows authenticates as well as one of the tenant itself. */
  async #authenticate({ request }: Exchange, tenant: Tenant, policy?: CompiledPolicy): Promise<Authenticated> {
    const { method, headers } = request;
    const { callers } = this.#parts;
    const credential = policy === undefined || policy.callers.isEmpty ? undefined : readCredential(headers);
    const caller = credential && await policy?.callers.identify(tenant.id, credential, callers);
    if (credential !== undefined && caller !== undefined) return { caller, consumedHeader: credential.header };
    if (tenant.requireAuthentication && !isPreflight(method, headers)) {
      return { caller, consumedHeader: await authenticateClient(headers, tenant, callers.clients) };
    }
    // Good or not, a token of an issuer that is named here is meant for the relay.
    const isConsumed = credential !== undefined && policy?.callers.namesIssuerOf(credential.value) === true;
    return { caller, consumedHeader: isConsumed ? credential.header : undefined };
  }

  #enforce(exchange: Exchange, decision: PolicyDecision | undefined): void {
    if (decision === undefined) return;
    if (decision.effect === "allow") {
      exchange.policyReason = decision.reason;
      return;
    }
    this.#tell(exchange, decision.reason);
    if (decision.effect === "limit") {
      const retryAfterSeconds = Math.ceil(decision.retryAfterMs / 1_000);
      throw new RelayError("rate_limited", "Too many requests", { retryAfterSeconds });
    }
    throw decision.needsCaller
      ? new RelayError("authentication_required", "The tenant's access policy wants to know who sends this request")
      : new RelayError("access_denied", "The tenant's access policy does not allow this request");
  }

  #tell(exchange: Exchange, reason: string): void {
    exchange.policyReason = reason;
    const { tenant, clientAddress, requestId } = exchange;
    if (tenant === undefined) return;
    this.#parts.denials.denied({ tenantId: tenant.id, tenant: tenant.name, reason, clientAddress, requestId });
  }
}

function policyRequestOf({ request, clientAddress }: Exchange, { target, path }: RelayAddress): PolicyRequest {
  const { method, headers, body } = request;
  const hasBody = body !== null && body.length !== 0;
  return {
    target,
    path,
    method,
    headers,
    hasBody,
    clientAddress,
    isPreflight: !hasBody && isPreflight(method, headers),
  };
}
