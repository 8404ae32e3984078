/**
 * What origins ask each other, with a limit to the waiting.
 *
 * @module
 */

/** Questions of this origin that are not answered yet. */
export class Questions<Answer> implements Disposable {
  readonly #pending = new Map<string, { readonly answer: PromiseWithResolvers<Answer>; readonly cancel: () => void }>();

  /** Questions that wait for an answer. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Waits for an answer.
   *
   * @param id Names the question; the answer has it too.
   * @param options `send` asks; `late` says what becomes of it when nobody answers in time.
   */
  ask(id: string, { timeoutMs, send, late }: {
    readonly timeoutMs: number;
    readonly send: () => void;
    readonly late: (answer: PromiseWithResolvers<Answer>) => void;
  }): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      this.#pending.delete(id);
      late(answer);
    }, timeoutMs);
    this.#pending.set(id, { answer, cancel: () => clearTimeout(timer) });
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

  [Symbol.dispose](): void {
    for (const { answer, cancel } of this.#pending.values()) {
      cancel();
      answer.reject(new Error("Cannot ask another origin: the server stops"));
    }
    this.#pending.clear();
  }
}
