/**
 * What management tells the other origins and asks them: changes of tenants, and who is connected there.
 *
 * @module
 */

import { getLogger } from "../../shared/log/logger.ts";
import type { OriginMail } from "../transport/transport.ts";
import { type AnswerLetter, type ChangedLetter, encodeLetter, type QuestionLetter, type TenantChange } from "./mail.ts";
import { Questions } from "./questions.ts";

const logger = getLogger("cluster");

/** How long an origin may take to answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 2_000;

/** What an origin does when another one has changed something, or asks. */
export interface ColleagueService {
  /** A tenant or secret was changed elsewhere. */
  changed(change: TenantChange): void;
  /** Connections of a tenant here; plain data. */
  connections(tenantId: string): readonly unknown[];
  /** Ends a connection here; false when it is not here. */
  disconnect(tenantId: string, connectionId: string): boolean;
}

/** Who speaks, and to whom. */
export interface ColleaguesOptions {
  readonly originId: string;
  /** Those that can be reached at present. */
  readonly peers: () => readonly string[];
}

/** Talks to the other origins about what management shows and changes. */
export class Colleagues implements Disposable {
  readonly #mail: OriginMail;
  readonly #options: ColleaguesOptions;
  readonly #questions = new Questions<unknown>();
  #service: ColleagueService | undefined;

  constructor(mail: OriginMail, options: ColleaguesOptions) {
    this.#mail = mail;
    this.#options = options;
  }

  /** Questions that are not answered yet. */
  get size(): number {
    return this.#questions.size;
  }

  /** Answers the others from now on. */
  open(service: ColleagueService): void {
    this.#service = service;
  }

  /** Tells all others of a change. Who misses it finds it in the database, a little later. */
  tell(change: TenantChange): void {
    this.#mail.broadcast(encodeLetter({ type: "changed", originId: this.#options.originId, change }));
  }

  /** Connections of a tenant at all other origins, as far as they answer within two seconds. */
  async connections(tenantId: string): Promise<readonly unknown[]> {
    const answers = await this.#askAll({ kind: "connections", tenantId });
    return answers.flatMap((answer) => Array.isArray(answer) ? answer : []);
  }

  /** Ends a connection wherever it is; false when nobody who answers has it. */
  async disconnect(tenantId: string, connectionId: string): Promise<boolean> {
    return (await this.#askAll({ kind: "disconnect", tenantId, connectionId })).includes(true);
  }

  /** A letter has come. */
  letter(letter: ChangedLetter | QuestionLetter | AnswerLetter): void {
    const { originId } = this.#options;
    switch (letter.type) {
      case "changed":
        if (letter.originId !== originId) this.#service?.changed(letter.change);
        return;
      case "question": {
        const answer = this.#answer(letter.question);
        return this.#mail.send(letter.originId, encodeLetter({ type: "answer", id: letter.id, answer }));
      }
      case "answer":
        return this.#questions.answered(letter.id, letter.answer);
    }
  }

  [Symbol.dispose](): void {
    this.#questions[Symbol.dispose]();
  }

  #answer(question: QuestionLetter["question"]): unknown {
    switch (question.kind) {
      case "connections":
        return this.#service?.connections(question.tenantId) ?? [];
      case "disconnect":
        return this.#service?.disconnect(question.tenantId, question.connectionId) ?? false;
    }
  }

  async #askAll(question: QuestionLetter["question"]): Promise<unknown[]> {
    return await Promise.all(this.#options.peers().map((peerId) => this.#ask(peerId, question)));
  }

  async #ask(peerId: string, question: QuestionLetter["question"]): Promise<unknown> {
    const id = crypto.randomUUID();
    return await this.#questions.ask(id, {
      timeoutMs: ANSWER_TIMEOUT_MS,
      send: () => {
        const letter = { type: "question", id, originId: this.#options.originId, question } as const;
        this.#mail.send(peerId, encodeLetter(letter));
      },
      late: ({ resolve }) => {
        logger.warn("Origin {peerId} does not answer", { peerId });
        resolve(undefined);
      },
    });
  }
}
