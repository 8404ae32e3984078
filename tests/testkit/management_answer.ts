/**
 * An answer of the management API, which is a document, a problem, or something else.
 *
 * @module
 */

import type { ProblemDocument } from "../../server/management/api/problem.ts";

/** An answer that has arrived. */
export class ManagementAnswer<Document> {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it is. */
  readonly text: string;

  private constructor({ status, headers }: Response, text: string) {
    this.status = status;
    this.headers = headers;
    this.text = text;
  }

  /** Reads an answer to its end. */
  static async read<Document>(response: Response): Promise<ManagementAnswer<Document>> {
    return new ManagementAnswer(response, await response.text());
  }

  /** The document. @throws {TypeError} When the call was refused. */
  get json(): Document {
    return this.#parse("application/json");
  }

  /** Why the call was refused. @throws {TypeError} When it was not. */
  get problem(): ProblemDocument {
    return this.#parse("application/problem+json");
  }

  /** Every fault of the input. @throws {TypeError} When the call was not refused for its input. */
  get problems(): NonNullable<ProblemDocument["problems"]> {
    const { problems } = this.problem;
    if (problems === undefined) throw new TypeError(`Cannot read problems: the answer is ${this.text}`);
    return problems;
  }

  #parse<Content>(type: string): Content {
    if (this.headers.get("Content-Type")?.split(";")[0] !== type) {
      throw new TypeError(`Cannot read ${type}: the answer is ${this.status} ${this.text}`);
    }
    return JSON.parse(this.text);
  }
}
