/**
 * Brings a request to its target, as long as somebody waits for it.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import { isStreamBody, type RelayRequest } from "../../shared/http/message.ts";
import type { AcknowledgeMode } from "../persistence/schema.ts";
import type { Dispatch, Dispatcher, DispatchOptions } from "../dispatch/dispatcher.ts";
import type { DispatchedResponse } from "../dispatch/pending_request.ts";
import type { Expiration } from "./expiration.ts";
import { giveUpBody } from "./response_body.ts";

const logger = getLogger("relay");

/** What a delivery needs to know. */
export interface DeliveryOptions {
  readonly tenantId: string;
  readonly dispatch: DispatchOptions;
  /** Is started. */
  readonly expiration: Expiration;
  /** Set when the request is to be stored first. */
  readonly stored?: StoringOptions | undefined;
}

/** How a request is stored. */
export interface StoringOptions {
  readonly mode: AcknowledgeMode;
  /** Base of the server's public URLs, without a slash at the end. */
  readonly acknowledgeBase: string;
}

/** A request that is to be stored. */
export interface KeptRequest extends StoringOptions {
  readonly tenantId: string;
  readonly request: RelayRequest;
  readonly isTraced: boolean;
}

/** Keeps requests until they are settled. Both reject with a `RelayError` when a request cannot be stored. */
export interface RequestKeeper {
  /** Stores a request and delivers it. */
  dispatch(
    request: KeptRequest,
    client: Pick<DispatchOptions, "requireActiveConnection" | "handover">,
  ): Promise<Pick<Dispatch, "response" | "cancel">>;
  /** Stores a request, to be delivered when a connector is there. */
  enqueue(request: KeptRequest): Promise<void>;
}

/** Delivers requests. */
export class Deliveries {
  readonly #dispatcher: Dispatcher;
  readonly #keeper: RequestKeeper;

  constructor({ dispatcher, keeper }: { readonly dispatcher: Dispatcher; readonly keeper: RequestKeeper }) {
    this.#dispatcher = dispatcher;
    this.#keeper = keeper;
  }

  /**
   * Delivers a request, and waits for the response. Once its head is here, the request does not expire any more. Without one a body that no
   * connection has begun to read is given up: it may be an interceptor's, who waits to close what it comes from.
   *
   * @param signal Aborts when the client has left, and with it the request.
   * @returns Rejects with a `RelayError` that says why there is no response.
   */
  async deliver(request: RelayRequest, signal: AbortSignal, options: DeliveryOptions): Promise<DispatchedResponse> {
    const { stored, expiration } = options;
    using _running = expiration;
    try {
      const dispatch = stored === undefined
        ? this.#dispatch(request, options)
        : await this.#dispatchStored(request, { ...options, stored });
      if (signal.aborted) dispatch.cancel("client_gone");
      else signal.addEventListener("abort", () => dispatch.cancel("client_gone"), { once: true });
      return await dispatch.response;
    } catch (error) {
      giveUpBody(request.body);
      throw error;
    }
  }

  /**
   * Delivers a request whose client is answered by somebody else. The response is discarded; why there is none is in the log.
   *
   * @returns Resolves when the request is over.
   */
  async deliverUnanswered(request: RelayRequest, options: DeliveryOptions): Promise<void> {
    using _expiration = options.expiration;
    try {
      const { body } = await this.#dispatch(request, options).response;
      if (isStreamBody(body)) await body.stream.cancel();
    } catch (error) {
      logger.warn("Cannot deliver request {requestId}, whose client was answered: {error}", {
        requestId: request.requestId,
        error,
      });
    }
  }

  /**
   * Stores a request, to be delivered when a connector is there.
   *
   * @throws {RelayError} when it cannot be stored.
   */
  enqueue(request: RelayRequest, options: DeliveryOptions & { readonly stored: StoringOptions }): Promise<void> {
    return this.#keeper.enqueue(this.#kept(request, options));
  }

  /** The time until the response begins when the request is stored. */
  async #dispatchStored(
    request: RelayRequest,
    options: DeliveryOptions & { readonly stored: StoringOptions },
  ): Promise<Pick<Dispatch, "response" | "cancel">> {
    const dispatch = await this.#keeper.dispatch(this.#kept(request, options), options.dispatch);
    options.expiration.start(() => dispatch.cancel("expired"));
    return dispatch;
  }

  #kept(
    request: RelayRequest,
    { tenantId, dispatch, stored }: DeliveryOptions & { readonly stored: StoringOptions },
  ): KeptRequest {
    return { ...stored, tenantId, request, isTraced: dispatch.trace };
  }

  #dispatch(request: RelayRequest, { tenantId, dispatch: options, expiration }: DeliveryOptions): Dispatch {
    const dispatch = this.#dispatcher.dispatch(tenantId, request, options);
    expiration.start(() => dispatch.cancel("expired"));
    return dispatch;
  }
}
