/**
 * What origins write to each other: frames of their links, and letters about presence and waiting requests.
 *
 * A message is one byte of version, one of kind, 16 of link id (zero where there is none), and the content: a frame of the connector protocol, JSON,
 * or several messages of the same form, each behind its length in four bytes.
 * Messages of unknown versions and kinds are skipped, unknown members of letters ignored, so that origins of neighbouring releases understand
 * each other.
 *
 * @module
 */

const VERSION = 1;
/** What mail adds to a frame. */
export const HEADER_BYTES = 18;
/** What is before each message of a batch. */
const LENGTH_BYTES = 4;
const NO_LINK = "0".repeat(32);

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Kinds of messages. */
const Kind = {
  /** A letter. */
  letter: 0,
  /** A frame of a link, from the origin that opened it. */
  toAcceptor: 1,
  /** A frame of a link, from the origin that it was opened to. */
  toOpener: 2,
  /** Several messages, each behind its length. Only for origins whose presence says that they read them. */
  batch: 3,
} as const;

/** Opens a link: the sender is going to send requests by it. */
export interface OpenLetter {
  readonly type: "open";
  readonly linkId: string;
  readonly originId: string;
}

/** A link is over, or was never known. */
export interface CloseLetter {
  readonly type: "close";
  readonly linkId: string;
  readonly code: number;
  readonly reason: string;
}

/** The sender has room for a request that the receiver holds. */
export interface PullLetter {
  readonly type: "pull";
  readonly originId: string;
  readonly tenantId: string;
  readonly requestId: string;
}

/** Answers {@linkcode PullLetter}. */
export interface PulledLetter {
  readonly type: "pulled";
  readonly requestId: string;
  readonly result: "sent" | "gone";
}

/** Who is connected at the sender. */
export interface PresenceLetter {
  readonly type: "presence";
  readonly originId: string;
  /** Identifies the database: neighbours must share it. */
  readonly databaseId: string;
  /** Whether the sender has worked beside the others for a while; absent in letters of earlier releases. */
  readonly isSettled?: boolean;
  readonly machineName: string;
  readonly version: string;
  readonly state: "ready" | "draining" | "stopped";
  /** Counts the sender's presence letters to everybody, so that a missed one is noticed. */
  readonly sequence: number;
  /** Whether `connections` names all tenants, or only those that changed. */
  readonly isComplete: boolean;
  /** Whether the sender reads batches; absent in letters of earlier releases. */
  readonly readsBatches?: boolean;
  /** Connections by tenant id; 0 for a tenant that has none any more. */
  readonly connections: Readonly<Record<string, number>>;
}

/** The sender wants to hear who is connected at the receiver. */
export interface WhoLetter {
  readonly type: "who";
  readonly originId: string;
}

/** What was changed, and committed. */
export type TenantChange =
  | { readonly kind: "tenantChanged" | "tenantRemoved"; readonly tenantId: string; readonly tenantName: string }
  | { readonly kind: "secretRemoved"; readonly tenantId: string; readonly secretId: string };

/** A tenant or a secret was changed at the sender. */
export interface ChangedLetter {
  readonly type: "changed";
  readonly originId: string;
  readonly change: TenantChange;
}

/** The sender wants to know something, or wants something done. */
export interface QuestionLetter {
  readonly type: "question";
  readonly id: string;
  readonly originId: string;
  readonly question:
    | { readonly kind: "connections"; readonly tenantId: string }
    | { readonly kind: "disconnect"; readonly tenantId: string; readonly connectionId: string };
}

/** Answers {@linkcode QuestionLetter}. */
export interface AnswerLetter {
  readonly type: "answer";
  readonly id: string;
  readonly answer: unknown;
}

/** Letters by their types. */
export type Letter =
  | OpenLetter
  | CloseLetter
  | PullLetter
  | PulledLetter
  | PresenceLetter
  | WhoLetter
  | ChangedLetter
  | QuestionLetter
  | AnswerLetter;

/** A message as its receiver sees it. */
export type Mail =
  | { readonly to: "several"; readonly messages: readonly Uint8Array[] }
  | { readonly to: "origin"; readonly letter: Letter }
  | { readonly to: "acceptor" | "opener"; readonly linkId: string; readonly frame: Uint8Array };

/** Encodes a letter. */
export function encodeLetter(letter: Letter): Uint8Array {
  return encode(Kind.letter, NO_LINK, encoder.encode(JSON.stringify(letter)));
}

/** Encodes a frame of a link. @param linkId 32 hexadecimal digits. */
export function encodeLinkFrame(to: "acceptor" | "opener", linkId: string, frame: Uint8Array): Uint8Array {
  return encode(to === "acceptor" ? Kind.toAcceptor : Kind.toOpener, linkId, frame);
}

/** What a message takes in a batch, in bytes. */
export function batchedBytes(message: Uint8Array): number {
  return LENGTH_BYTES + message.length;
}

/** Encodes several messages as one. */
export function encodeBatch(messages: readonly Uint8Array[]): Uint8Array {
  const batch = new Uint8Array(messages.reduce((sum, message) => sum + batchedBytes(message), HEADER_BYTES));
  batch[0] = VERSION;
  batch[1] = Kind.batch;
  const view = new DataView(batch.buffer);
  let offset = HEADER_BYTES;
  for (const message of messages) {
    view.setUint32(offset, message.length);
    batch.set(message, offset + LENGTH_BYTES);
    offset += batchedBytes(message);
  }
  return batch;
}

/** Decodes a message; `undefined` for one that this release does not understand. */
export function decodeMail(message: Uint8Array): Mail | undefined {
  if (message.length < HEADER_BYTES || message[0] !== VERSION) return undefined;
  const content = message.subarray(HEADER_BYTES);
  switch (message[1]) {
    case Kind.letter:
      return decodeLetter(content);
    case Kind.toAcceptor:
    case Kind.toOpener: {
      const to = message[1] === Kind.toAcceptor ? "acceptor" : "opener";
      return { to, linkId: message.subarray(2, HEADER_BYTES).toHex(), frame: content };
    }
    case Kind.batch:
      return decodeBatch(content);
    default:
      return undefined;
  }
}

function decodeBatch(content: Uint8Array): Mail | undefined {
  const messages: Uint8Array[] = [];
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  for (let offset = 0; offset < content.length;) {
    if (offset + LENGTH_BYTES > content.length) return undefined;
    const start = offset + LENGTH_BYTES;
    offset = start + view.getUint32(offset);
    if (offset > content.length) return undefined;
    messages.push(content.subarray(start, offset));
  }
  return { to: "several", messages };
}

function encode(kind: number, linkId: string, content: Uint8Array): Uint8Array {
  const message = new Uint8Array(HEADER_BYTES + content.length);
  message[0] = VERSION;
  message[1] = kind;
  message.subarray(2, HEADER_BYTES).setFromHex(linkId);
  message.set(content, HEADER_BYTES);
  return message;
}

/** Only origins of the same cluster can write to each other: their letters are read, not distrusted. */
function decodeLetter(content: Uint8Array): Mail | undefined {
  try {
    const letter: Letter = JSON.parse(decoder.decode(content));
    return typeof letter.type === "string" ? { to: "origin", letter } : undefined;
  } catch {
    return undefined;
  }
}
