/**
 * Bodies that go by HTTP instead of frames (protocol §10), as both ends of a delivery see them.
 *
 * @module
 */

import type { StreamBody } from "../http/message.ts";

/** Whose body it is. */
export interface BodyAddress {
  /** UUID. */
  readonly requestId: string;
  /** 32 hexadecimal digits. */
  readonly deliveryId: string;
}

/** What the connector's end needs to move bodies by HTTP. */
export interface HttpBodyCarrier {
  /** Whether it can be tried; not for a while after it has failed. */
  readonly isUsable: boolean;
  /**
   * Posts a response's body.
   *
   * @param options `taken` resolves when the server says that it takes the body from the POST.
   * @returns `undefined` when it has arrived; when it has not, the body from its beginning, for the connection to carry.
   * @throws When the body broke off, or so much of it was sent that it cannot begin again; it is cancelled then.
   */
  post(
    address: BodyAddress,
    body: StreamBody,
    options: { readonly signal: AbortSignal; readonly taken: Promise<void> },
  ): Promise<StreamBody | undefined>;
  /**
   * Fetches a request's body.
   *
   * @param options The announced length in bytes.
   * @throws When nothing of it came: the connection may carry it.
   */
  fetch(
    address: BodyAddress,
    options: { readonly length: number; readonly signal: AbortSignal },
  ): Promise<ReadableStream<Uint8Array>>;
}

/** How a server moves bodies by HTTP. */
export interface HttpBodyOptions {
  /** Bodies whose length is known and not below this go by HTTP. */
  readonly minimumBytes: number;
  /** How long after the head of a response its body may be awaited, in milliseconds. */
  readonly timeoutMs: number;
}

/** The server's end of a delivery, as an HTTP request for one of its bodies sees it. */
export interface HttpDelivery {
  /** UUID. */
  readonly requestId: string;
  /**
   * Opens the request's body; it is passed on from the client as it is read.
   *
   * @throws {RelayError} `body_taken` when it is not waiting to be fetched.
   */
  openRequestBody(): StreamBody;
  /**
   * Passes a response's body on to whoever reads the response, as fast as that is read.
   *
   * @param body Is read, or cancelled.
   * @returns Resolves when the last byte was taken.
   * @throws {RelayError} `body_taken` when no body is awaited, `invalid_request` when it does not have the announced length, `delivery_over` when
   * the reader has gone, or the delivery ended otherwise; whatever the body failed with.
   */
  takeResponseBody(body: StreamBody): Promise<void>;
}
