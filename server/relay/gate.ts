/**
 * Lets only those requests pass that the tenant wants: authentication and access policy.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import type {
  AccessPolicies,
  Caller,
  CallerVerifiers,
  CompiledPolicy,
  DenialObserver,
  PolicyDecision,
  PolicyRequest,
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

const ADMITTED: Admitted = { consumedHeader: undefined, maxBodyBytes: undefined };

/** Authentication first, then the policy, which may want to know who was authenticated. */
export class Gate {
  readonly #parts: GateParts;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /**
   * Decides about a request.
   *
   * @param exchange Learns the reason when a policy decides.
   * @throws {RelayError} `authentication_required`, `authentication_unavailable`, `access_denied`, `rate_limited`.
   */
  async admit(exchange: Exchange, address: RelayAddress, tenant: Tenant): Promise<Admitted> {
    const { method, headers } = exchange.request;
    if (tenant.accessPolicy !== null) return await this.#admitByPolicy(exchange, address, tenant);
    if (!tenant.requireAuthentication || isPreflight(method, headers)) return ADMITTED;
    const consumedHeader = await authenticateClient(headers, tenant, this.#parts.callers.clients);
    return { consumedHeader, maxBodyBytes: undefined };
  }

  /** What streams may turn out too large while it flows. */
  bodyRefused(exchange: Exchange, maxBodyBytes: number): void {
    this.#tell(exchange, `deny: body above ${maxBodyBytes} bytes`);
  }

  async #admitByPolicy(exchange: Exchange, address: RelayAddress, tenant: Tenant): Promise<Admitted> {
    const policy = this.#parts.policies.of(tenant);
    if (policy === undefined) {
      this.#tell(exchange, "deny: the policy cannot be used");
      throw new RelayError("access_denied", "The tenant's access policy cannot be used");
    }
    const request = policyRequestOf(exchange, address);
    this.#enforce(exchange, policy.admit(request));
    const { caller, consumedHeader } = await this.#authenticate(exchange, tenant, policy);
    const decision = policy.decide(request, caller);
    this.#enforce(exchange, decision);
    return { consumedHeader, maxBodyBytes: decision.effect === "allow" ? decision.maxBodyBytes : undefined };
  }

  /** A credential that only the policy knows authenticates as well as one of the tenant itself. */
  async #authenticate(
    { request: { method, headers } }: Exchange,
    tenant: Tenant,
    policy: CompiledPolicy,
  ): Promise<{ readonly caller: Caller | undefined; readonly consumedHeader: string | undefined }> {
    const { callers } = this.#parts;
    const credential = policy.callers.isEmpty ? undefined : readCredential(headers);
    const caller = credential && await policy.callers.identify(tenant.id, credential, callers);
    if (credential !== undefined && caller !== undefined) return { caller, consumedHeader: credential.header };
    if (tenant.requireAuthentication && !isPreflight(method, headers)) {
      return { caller, consumedHeader: await authenticateClient(headers, tenant, callers.clients) };
    }
    // Good or not, a token of an issuer that is named here is meant for the relay.
    const isConsumed = credential !== undefined && policy.callers.namesIssuerOf(credential.value);
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
