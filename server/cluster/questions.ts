/**
 * What origins ask each other, with a limit to the waiting.
 *
 * @module
 */

/** A question that is not answered yet. */
interface Question<Answer> {
  readonly answer: PromiseWithResolvers<Answer>;
  /** The origin that was asked, where it is one. */
  readonly originId: string | undefined;
  readonly cancel: () => void;
}

/** Questions of this origin that are not answered yet. */
export class Questions<Answer> implements Disposable {
  readonly #pending = new Map<string, Question<Answer>>();

  /** Questions that wait for an answer. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Waits for an answer.
   *
   * @param id Names the question; the answer has it too. An origin that is asked the same once more, before it has answered, gives one answer to both.
   * @param options `send` asks; `late` says what becomes of it when nobody answers in time; `originId` is who is asked, see {@linkcode gone}.
   */
  ask(id: string, { timeoutMs, originId, send, late }: {
    readonly timeoutMs: number;
    readonly originId?: string;
    readonly send: () => void;
    readonly late: (answer: PromiseWithResolvers<Answer>) => void;
  }): Promise<Answer> {
    const known = this.#pending.get(id);
    if (known !== undefined && known.originId === originId) return known.answer.promise;
    const answer = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      if (this.#pending.get(id) === question) this.#pending.delete(id);
      late(answer);
    }, timeoutMs);
    const question = { answer, originId, cancel: () => clearTimeout(timer) };
    this.#pending.set(id, question);
    send();
    return answer.promise;
  }

  /** An answer has come. One that nobody waits for any more is dropped. */
  answered(id: string, answer: Answer): void {
    const question = this.#pending.get(id);
    if (question === undefined) return;
    this.#pending.delete(id);
    question.cancel();
    question.answer.resolve(answer);
  }

  /** An origin is gone: what it was asked is answered for it, at once. */
  gone(originId: string, answer: Answer): void {
    for (const [id, question] of this.#pending) if (question.originId === originId) this.answered(id, answer);
  }

  /** Nobody can answer any more. */
  fail(reason: Error): void {
    for (const { answer, cancel } of this.#pending.values()) {
      cancel();
      answer.reject(reason);
    }
    this.#pending.clear();
  }

  [Symbol.dispose](): void {
    this.fail(new Error("Cannot ask another origin: the server stops"));
  }
}
