/**
 * The part of the composition root that decides who may send what: authentication of clients, access policies, and where their denials are written down.
 *
 * @module
 */

import { TenantClientSecrets } from "./auth/client_secrets.ts";
import type { ServerConfig } from "./config/server_config.ts";
import { AuditRepository, type Database, SecretRepository } from "./persistence/mod.ts";
import { AccessPolicies, type CallerVerifiers, DenialLog, type DenialSummary } from "./policy/mod.ts";
import { Gate } from "./relay/gate.ts";

/** What access is put together from. */
export interface AccessParts {
  readonly config: ServerConfig;
  readonly database: Database;
  /** Verifies the tokens of the tenants' own clients, and of issuers that policies name. */
  readonly tokens: Pick<CallerVerifiers, "clients" | "issuers">;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** Access, as the rest of the server sees it. Disposing it writes down what is left. */
export interface Access extends AsyncDisposable {
  readonly gate: Gate;
  /** A tenant's secrets have changed: what is known of them is read anew. */
  forgetSecrets(): void;
}

/** Puts access together. */
export function createAccess({ config, database, tokens, now }: AccessParts): Access {
  const secrets = new TenantClientSecrets({
    store: new SecretRepository(database, now),
    cacheDurationMs: config.tenantInfoCacheDuration,
    now,
  });
  const audit = new AuditRepository(database, now);
  const denials = new DenialLog({ sink: { write: (summaries) => writeDown(audit, summaries) }, now });
  const gate = new Gate({
    policies: new AccessPolicies({ now: () => performance.now() }),
    callers: { ...tokens, secrets },
    denials,
  });
  return {
    gate,
    forgetSecrets: () => secrets.forgetAll(),
    [Symbol.asyncDispose]: () => denials[Symbol.asyncDispose](),
  };
}

/** One entry for all requests that were denied for the same reason. */
async function writeDown(audit: AuditRepository, summaries: readonly DenialSummary[]): Promise<void> {
  for (const { tenantId, tenant, reason, count, firstAtMs, lastAtMs, clientAddresses, requestId } of summaries) {
    const time = (ms: number) => new Date(ms).toISOString();
    await audit.insert({
      actor: { kind: "system", id: "policy", name: "access policy", clientAddress: clientAddresses[0] ?? null },
      action: "policy.deny",
      subject: { kind: "tenant", id: tenantId, name: tenant },
      before: null,
      after: {
        reason,
        count,
        firstAt: time(firstAtMs),
        lastAt: time(lastAtMs),
        clientAddresses,
        firstRequestId: requestId,
      },
    });
  }
}
