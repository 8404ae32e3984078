/**
 * Runs interceptors, in their order for requests and in the opposite order for responses, and contains what goes wrong in them.
 *
 * @module
 */

import { RelayError } from "../../shared/errors/relay_error.ts";
import { getLogger, type Logger } from "../../shared/log/logger.ts";
import { checkBodyAllowed, toBody } from "./changes.ts";
import { type RequestDraft, ResponseDraft, type ResponseDraftOptions } from "./draft.ts";
import type {
  DirectAnswer,
  Hop,
  Intercepted,
  InterceptedResponse,
  Interceptor,
  InterceptorContext,
  RequestChanges,
} from "./interceptor.ts";
import { withinTime } from "./time_limit.ts";

const logger = getLogger("interceptors");
const DEFAULT_TIMEOUT_MS = 10_000;

/** An answer that an interceptor gave instead of the target. */
export interface InterceptorAnswer extends ResponseDraftOptions {
  /** Whether the request goes to the target all the same. */
  readonly isDelivered: boolean;
}

/** What interceptors are told of a request. */
export interface InterceptionOptions {
  readonly tenant: { readonly id: string; readonly name: string };
  readonly requestId: string;
  readonly clientAddress: string;
  readonly hop: Hop;
  /** The client's own method, which decides whether its response can have a body. */
  readonly method: string;
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
}

/** All interceptors of a server. */
export class Interceptors {
  readonly #forRequests: readonly Interceptor[];
  readonly #forResponses: readonly Interceptor[];
  readonly #maxTimeoutMs: number;

  /** @param options `maxTimeoutMs` bounds what each of them may take. */
  constructor(interceptors: readonly Interceptor[], options: { readonly maxTimeoutMs: number }) {
    this.#forRequests = interceptors.filter(({ interceptRequest }) => interceptRequest !== undefined);
    this.#forResponses = interceptors.filter(({ interceptResponse }) => interceptResponse !== undefined).toReversed();
    this.#maxTimeoutMs = options.maxTimeoutMs;
  }

  /** Whether there are none. */
  get isEmpty(): boolean {
    return this.#forRequests.length + this.#forResponses.length === 0;
  }

  /** Whether there are any for responses. */
  get seeResponses(): boolean {
    return this.#forResponses.length > 0;
  }

  /**
   * Lets them see a request.
   *
   * @param draft Is changed.
   * @returns The answer, if one of them gave one.
   * @throws {RelayError} `internal_error` when one of them failed; `client_gone`; what became of the request's body while it was read.
   */
  async interceptRequest(draft: RequestDraft, interception: Interception): Promise<InterceptorAnswer | undefined> {
    let answer: InterceptorAnswer | undefined;
    for (const interceptor of this.#forRequests) {
      const { answer: given, deliver = false } = await this.#run(interceptor, interception, async (wait) => {
        const changes: RequestChanges =
          await wait(interceptor.interceptRequest?.(draft, interception.contextFor(interceptor))) ?? {};
        draft.apply(changes);
        if (changes.answer !== undefined) {
          answer = toAnswer(changes.answer, { method: interception.method, deliver: changes.deliver });
        }
        return changes;
      });
      if (given !== undefined && !deliver) break;
    }
    return answer;
  }

  /**
   * Lets them see a response.
   *
   * @param request As it went to the target.
   * @returns The response as they have left it.
   * @throws {RelayError} `internal_error` when one of them failed; `client_gone`. The response's body is given up then.
   */
  async interceptResponse(
    response: ResponseDraftOptions,
    request: InterceptedResponse["request"],
    interception: Interception,
  ): Promise<ResponseDraftOptions> {
    const draft = new ResponseDraft(response, {
      request,
      method: interception.method,
      getSignal: () => interception.signal,
    });
    try {
      for (const interceptor of this.#forResponses) {
        await this.#run(interceptor, interception, async (wait) => {
          draft.apply(await wait(interceptor.interceptResponse?.(draft, interception.contextFor(interceptor))) ?? {});
        });
      }
      return draft;
    } catch (error) {
      giveUp(draft.body, error);
      throw error;
    }
  }

  async #run<T>(
    { name, timeoutMs = DEFAULT_TIMEOUT_MS }: Interceptor,
    interception: Interception,
    act: (wait: <C>(given: Intercepted<C>) => Promise<C | undefined | void>) => Promise<T>,
  ): Promise<T> {
    const limit = { timeoutMs: Math.min(timeoutMs, this.#maxTimeoutMs), interception };
    try {
      return await act(async (given) => isPromise(given) ? await limited(given, limit) : given);
    } catch (error) {
      if (interception.isClientGone) throw new RelayError("client_gone", "The client has left", { cause: error });
      if (error instanceof RelayError) throw error;
      const { requestId, tenant } = interception;
      logger.error("Interceptor {interceptor} failed: {error}", {
        interceptor: name,
        requestId,
        tenant: tenant.name,
        error,
      });
      throw new RelayError("internal_error", "The server failed to handle the request", { cause: error });
    }
  }
}

/** One request on its way through the interceptors. */
export class Interception {
  readonly tenant: InterceptionOptions["tenant"];
  readonly requestId: string;
  readonly method: string;
  readonly #options: InterceptionOptions;
  readonly #aborting = new AbortController();

  constructor(options: InterceptionOptions) {
    this.tenant = options.tenant;
    this.requestId = options.requestId;
    this.method = options.method;
    this.#options = options;
    const { signal } = options;
    if (signal.aborted) this.abort(signal.reason);
    else signal.addEventListener("abort", () => this.abort(signal.reason), { once: true });
  }

  /** Aborts when the client has left, or an interceptor's time is over. */
  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  get isClientGone(): boolean {
    return this.#options.signal.aborted;
  }

  /** Tells interceptors to stop. */
  abort(reason: unknown): void {
    this.#aborting.abort(reason);
  }

  contextFor({ name }: Interceptor): InterceptorContext {
    const { tenant, requestId, clientAddress, hop } = this.#options;
    return new Context({ tenant, requestId, clientAddress, hop, signal: this.signal }, name);
  }
}

/** Makes its logger only for those who want one. */
class Context implements InterceptorContext {
  readonly tenant: InterceptorContext["tenant"];
  readonly requestId: string;
  readonly clientAddress: string;
  readonly hop: Hop;
  readonly signal: AbortSignal;
  readonly #name: string;

  constructor(facts: Omit<InterceptorContext, "logger">, name: string) {
    this.tenant = facts.tenant;
    this.requestId = facts.requestId;
    this.clientAddress = facts.clientAddress;
    this.hop = facts.hop;
    this.signal = facts.signal;
    this.#name = name;
  }

  get logger(): Logger {
    return logger.with({ interceptor: this.#name, tenant: this.tenant.name, requestId: this.requestId });
  }
}

async function limited<T>(
  given: PromiseLike<T>,
  { timeoutMs, interception }: { readonly timeoutMs: number; readonly interception: Interception },
): Promise<T> {
  const expired = () => interception.abort(new DOMException("The interceptor's time is over", "TimeoutError"));
  return await withinTime(given, { timeoutMs, signal: interception.signal, expired });
}

function toAnswer(
  { status, headers = [], body = null }: DirectAnswer,
  { method, deliver = false }: { readonly method: string; readonly deliver: boolean | undefined },
): InterceptorAnswer {
  const made = toBody(body);
  checkBodyAllowed(made, { status, method });
  return { status, headers, body: made, isDelivered: deliver };
}

function giveUp(body: ResponseDraftOptions["body"], reason: unknown): void {
  if (body !== null && !(body instanceof Uint8Array) && !body.stream.locked) body.stream.cancel(reason).catch(() => {});
}

function isPromise<T>(value: Intercepted<T>): value is Promise<T | undefined | void> {
  return typeof (value as { then?: unknown } | undefined)?.then === "function";
}
