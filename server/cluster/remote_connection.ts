/**
 * The connections of a tenant at another origin, as dispatch sees them.
 *
 * @module
 */

import type { RelayRequest } from "../../shared/http/message.ts";
import type { Delivery, DeliveryOptions } from "../../shared/protocol/exchange.ts";
import type { Session } from "../../shared/protocol/session.ts";
import { withStreamedBody } from "./streamed_body.ts";
import type { Connection } from "../dispatch/connections.ts";

/** A way to one tenant's connections, by the link to their origin. */
export class RemoteConnection implements Connection {
  readonly isRemote = true;
  /** What is known of the connection before it has answered. */
  readonly connector = { version: "", machineName: "" };
  readonly originId: string;
  readonly #tenantId: string;
  readonly #session: Session;

  constructor(originId: string, tenantId: string, session: Session) {
    this.originId = originId;
    this.#tenantId = tenantId;
    this.#session = session;
  }

  /** That of its origin, as long as the connection itself is not known. */
  get id(): string {
    return this.originId;
  }

  deliver(request: RelayRequest, options: DeliveryOptions): Delivery {
    return this.#session.deliver(withStreamedBody(request), { ...options, tenantId: this.#tenantId });
  }
}
