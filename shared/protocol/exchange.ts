/**
 * What the two ends of a delivery have in common, and what they need of their session.
 *
 * @module
 */

import type { RelayRequest, RelayResponse } from "../http/message.ts";
import type { FrameContent } from "./codec.ts";
import type { ServingConnection, TargetTrace } from "./exchange_heads.ts";
import type { CancelReason, Frame } from "./frame.ts";
import type { HttpBodyOptions } from "./http_bodies.ts";
import type { ReceiveWindow } from "./window.ts";

/** What a delivery may ask of its session. */
export interface ExchangePort {
  /** Sends one frame. Returns false, without sending it, when it is larger than the peer takes. */
  send(type: number, id: string, content: FrameContent): boolean;
  /** Resolves when the socket has room for another piece of a body; `undefined` when it has room now. */
  whenWritable(): Promise<void> | undefined;
  /** Opens a window for a body about to be received. */
  openWindow(): ReceiveWindow;
  /** Gives credit for a body. */
  grant(id: string, bytes: number): void;
  /** The delivery has ended; no more frames of it are wanted. */
  ended(id: string): void;
  /** Server only: how bodies may go by HTTP; `undefined` when they may not. */
  httpBodies(): HttpBodyOptions | undefined;
}

/** One end of a delivery, as its session sees it. */
export interface Exchange {
  /** Takes one frame of this delivery. @throws {ProtocolError} when the frame is wrong. */
  receive(frame: Frame): void;
  /** The connection is over. */
  fail(error: Error): void;
}

/** What goes with a request besides the message. */
export interface DeliveryOptions {
  /** Whether the server wants to hear of the receipt. */
  readonly acknowledge?: boolean;
  /** Whether the connector is to say when the target was called and how long it took. */
  readonly trace?: boolean;
  /** Milliseconds until nobody waits for the response any more. */
  readonly expiresInMs?: number;
  /** Between servers: UUID of the tenant whose connections are meant. */
  readonly tenantId?: string;
  /** Between servers: set when it is no request for a target. */
  readonly service?: string;
  /** Called at most once, when {@linkcode Delivery.isAcknowledged} becomes true. Must not throw. */
  readonly onAcknowledged?: () => void;
}

/** A target's response with what the connector says about it. */
export interface TracedResponse extends RelayResponse {
  readonly trace?: TargetTrace | undefined;
  /** How long the target took until its head, in milliseconds; `undefined` when nobody has measured it. */
  readonly targetMs?: number | undefined;
  /** Between servers: which connection brought the response. */
  readonly connection?: ServingConnection | undefined;
}

/** One attempt to have a request answered, seen from the server. */
export interface Delivery {
  /**
   * The target's response, once its head is there. Rejects with a `RelayError`: what the connector said (`target_unreachable` and so on),
   * `connector_lost` when the connection ended, or what the request's own body failed with.
   */
  readonly response: Promise<TracedResponse>;
  /** Whether the connector is known to have the whole request. */
  readonly isAcknowledged: boolean;
  /** Whether it was sent back untouched: there was no room for it, or nobody to take it. `response` has rejected then. */
  readonly isRefused: boolean;
  /** Gives up: tells the connector and rejects `response`. Idempotent, and without effect once the response has ended. */
  cancel(reason: CancelReason): void;
}

/** A request as a connector receives it. */
export interface IncomingRequest extends RelayRequest {
  /** Aborts when the server cancels the delivery or the connection ends. */
  readonly signal: AbortSignal;
  readonly trace: boolean;
  readonly expiresInMs: number | undefined;
  /** Between servers: UUID of the tenant whose connections are meant. */
  readonly tenantId: string | undefined;
  /** Between servers: set when it is no request for a target. */
  readonly service: string | undefined;
  /** Says that whoever serves the request has all of it; only where the session's handlers acknowledge. */
  acknowledge(): void;
}
