/**
 * Sets a connection up: hello from the connector, welcome from the server (protocol §3).
 *
 * @module
 */

import { decodeFrame, encodeFrame, parseHead } from "./codec.ts";
import { CloseCode, CONNECTION_ID, FrameType, PROTOCOL_VERSIONS } from "./frame.ts";
import { type Hello, readHello, readWelcome, type Welcome } from "./handshake_heads.ts";
import type { MessagePipe } from "./pipe.ts";
import { ProtocolError } from "./protocol_error.ts";
import { Session } from "./session.ts";
import type { SessionHandlers } from "./session_options.ts";

/** What the connector brings along. */
export interface OfferOptions {
  readonly hello: Omit<Hello, "versions">;
  /** Milliseconds until the server must have answered. */
  readonly timeoutMs: number;
  readonly handlers: SessionHandlers;
  readonly signal?: AbortSignal;
}

/** What the server brings along. */
export interface AcceptOptions {
  /** Milliseconds until the connector must have said hello. */
  readonly timeoutMs: number;
  /** Makes the answer to a hello; the version is filled in. */
  readonly welcome: (hello: Hello) => Omit<Welcome, "version">;
  /** Makes the handlers of the session. Called before the session exists. */
  readonly handlers: SessionHandlers;
  readonly signal?: AbortSignal;
}

/**
 * The connector's side.
 *
 * @param pipe A pipe that has just been opened. It is closed when the handshake fails.
 * @throws {ProtocolError} `handshake_timeout`, `version_unsupported`, `malformed_head`, `unexpected_frame`.
 * @throws {Error} when the pipe ended first or `signal` was aborted.
 */
export function offerSession(
  pipe: MessagePipe,
  options: OfferOptions,
): Promise<{ session: Session; welcome: Welcome }> {
  const result = firstMessage(pipe, options, (message) => {
    const frame = decodeFrame(message);
    if (frame.type === FrameType.error) throw refusal(parseHead(frame));
    if (frame.type !== FrameType.welcome) throw new ProtocolError("unexpected_frame", "Expected welcome");
    const welcome = readWelcome(parseHead(frame));
    if (!PROTOCOL_VERSIONS.includes(welcome.version)) {
      throw unsupported(`The server chose protocol version ${welcome.version}`);
    }
    const session = new Session(pipe, {
      settings: welcome.settings,
      maxMessageBytes: options.hello.limits.maxMessageBytes,
      peerMaxMessageBytes: welcome.limits.maxMessageBytes,
      handlers: options.handlers,
    });
    return { session, welcome };
  });
  pipe.send(encodeFrame(FrameType.hello, CONNECTION_ID, { head: { versions: PROTOCOL_VERSIONS, ...options.hello } }));
  return result;
}

/**
 * The server's side.
 *
 * @param pipe A pipe that has just been opened. It is closed when the handshake fails.
 * @throws {ProtocolError} `handshake_timeout`, `version_unsupported`, `malformed_head`, `unexpected_frame`.
 * @throws {Error} when the pipe ended first or `signal` was aborted.
 */
export function acceptSession(pipe: MessagePipe, options: AcceptOptions): Promise<{ session: Session; hello: Hello }> {
  return firstMessage(pipe, options, (message) => {
    const frame = decodeFrame(message);
    if (frame.type !== FrameType.hello) throw new ProtocolError("unexpected_frame", "Expected hello");
    const hello = readHello(parseHead(frame));
    const version = PROTOCOL_VERSIONS.find((known) => hello.versions.includes(known));
    if (version === undefined) throw unsupported(`This server speaks protocol version ${PROTOCOL_VERSIONS.join(", ")}`);
    const welcome: Welcome = { version, ...options.welcome(hello) };
    pipe.send(encodeFrame(FrameType.welcome, CONNECTION_ID, { head: welcome }));
    const session = new Session(pipe, {
      settings: welcome.settings,
      maxMessageBytes: welcome.limits.maxMessageBytes,
      peerMaxMessageBytes: hello.limits.maxMessageBytes,
      handlers: options.handlers,
    });
    return { session, hello };
  });
}

/** Waits for the first message and hands it over in the same turn, so that the session misses nothing that follows. */
function firstMessage<T>(
  pipe: MessagePipe,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  read: (message: Uint8Array) => T,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  let isOver = false;
  const finish = (act: () => void) => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    act();
  };
  const refuse = (error: ProtocolError) =>
    finish(() => {
      pipe.send(encodeFrame(FrameType.error, CONNECTION_ID, { head: { code: error.code, message: error.message } }));
      pipe.close(
        error.code === "version_unsupported" ? CloseCode.versionUnsupported : CloseCode.protocolError,
        error.code,
      );
      reject(error);
    });
  const onAbort = () =>
    finish(() => {
      pipe.terminate();
      reject(signal?.reason);
    });
  const timer = setTimeout(
    () => refuse(new ProtocolError("handshake_timeout", `No handshake within ${timeoutMs} ms`)),
    timeoutMs,
  );
  signal?.addEventListener("abort", onAbort);
  pipe.open({
    message(bytes) {
      if (isOver) return;
      try {
        const value = read(bytes);
        finish(() => resolve(value));
      } catch (error) {
        refuse(
          error instanceof ProtocolError
            ? error
            : new ProtocolError("malformed_frame", "Cannot read the handshake", { cause: error }),
        );
      }
    },
    closed: (code, reason) =>
      finish(() => reject(new Error(`The connection was closed during the handshake: ${code} ${reason}`))),
  });
  if (signal?.aborted) onAbort();
  return promise;
}

function refusal({ code, message }: Record<string, unknown>): ProtocolError {
  if (code === "version_unsupported") return unsupported(String(message));
  return new ProtocolError("unexpected_frame", `The server refused the handshake: ${String(message)}`);
}

function unsupported(message: string): ProtocolError {
  return new ProtocolError("version_unsupported", message);
}
