/**
 * Where clients see this connector's targets.
 *
 * @module
 */

import { headerValue } from "../../shared/http/headers.ts";
import type { RelayRequest } from "../../shared/http/message.ts";

/** What a server says about it. */
export interface PublicPlaceFacts {
  /** The tenant's name as the server spells it. */
  readonly tenantName: string;
  /** Path of the server's public URL, without a slash at its end; empty when it lives at its root. */
  readonly basePath: string;
}

/** Knows the public paths of targets, by what the last server said. */
export class PublicPlace {
  #facts: PublicPlaceFacts;

  /** @param tenantName As configured, until a server has said how it spells it. */
  constructor(tenantName: string) {
    this.#facts = { tenantName, basePath: "" };
  }

  set(facts: PublicPlaceFacts): void {
    this.#facts = facts;
  }

  /**
   * The path under which a request's client sees its target, without a slash at its end; empty under host routing, where the whole host
   * `{target}--{tenant}.{baseDomain}` is the target's.
   */
  pathOf(request: RelayRequest): string {
    const { tenantName, basePath } = this.#facts;
    const host = headerValue(request.headers, "x-forwarded-host")?.toLowerCase();
    if (host?.startsWith(`${request.target}--${tenantName}.`.toLowerCase())) return "";
    return `${basePath}/relay/${tenantName}/${request.target}`;
  }
}
