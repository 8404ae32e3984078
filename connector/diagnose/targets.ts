/**
 * Looks at the targets: whether each answers, whatever it answers.
 *
 * @module
 */

import { isStreamBody } from "../../shared/http/message.ts";
import type { TargetRegistry } from "../targets/registry.ts";
import { isCertificateFailure } from "../../shared/net/certificate_fault.ts";
import { adviceForCertificate, adviceForTarget } from "./advice.ts";
import { endpointOf, messageOf, readChain } from "./sockets.ts";
import { StepError, type StepResult, StepSequence } from "./step.ts";

/** A target to look at. */
export interface DiagnosedTarget {
  readonly name: string;
  readonly type: string;
  readonly url: string | undefined;
  /** Its own proxy, if it has one. */
  readonly proxy?: string | undefined;
}

/** How targets are looked at. */
export interface TargetDiagnosis {
  readonly registry: Pick<TargetRegistry, "find">;
  readonly report: (result: StepResult) => void;
  readonly signal: AbortSignal;
}

/** How many targets are asked at a time. */
const PARALLEL = 16;
const TIMEOUT_MS = 10_000;
const SETTINGS = { address: "url", authority: "tls.caFile" };

/**
 * Asks every web target for the head of its root.
 *
 * @returns Whether all of them answered.
 */
export async function diagnoseTargets(
  targets: readonly DiagnosedTarget[],
  diagnosis: TargetDiagnosis,
): Promise<boolean> {
  let isGood = true;
  for (let start = 0; start < targets.length; start += PARALLEL) {
    const states = await Promise.all(
      targets.slice(start, start + PARALLEL).map((target) => diagnoseTarget(target, diagnosis)),
    );
    isGood &&= states.every(Boolean);
  }
  return isGood;
}

async function diagnoseTarget(
  { name, type, url, proxy }: DiagnosedTarget,
  { registry, report, signal }: TargetDiagnosis,
): Promise<boolean> {
  const steps = new StepSequence(name, report);
  await steps.run("target", async () => {
    if (url === undefined) {
      return { detail: `${type} is in this program`, isSkipped: type !== "echo" && type !== "ping" };
    }
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const request = {
        requestId: crypto.randomUUID(),
        method: "HEAD",
        target: name,
        path: "",
        headers: [],
        body: null,
      };
      const context = { signal: AbortSignal.any([signal, timeout]), inlineBodyLimitBytes: 0 };
      const { status, body } = await registry.find(name)!.handle(request, context);
      if (isStreamBody(body)) await body.stream.cancel();
      return { detail: `${url} answers ${status}` };
    } catch (cause) {
      const reason = timeout.aborted ? `no answer within ${TIMEOUT_MS} ms` : messageOf(cause);
      throw new StepError(`${url}: ${reason}`, await advice({ url, proxy }, cause, signal), { cause });
    }
  });
  return steps.isGood;
}

/** Looks at the certificate where that is what fails: the platform's codes do not tell one that has expired from one of a stranger. */
async function advice(
  { url, proxy }: { readonly url: string; readonly proxy: string | undefined },
  cause: unknown,
  signal: AbortSignal,
): Promise<string> {
  if (!isCertificateFailure(cause) || (proxy ?? "none") !== "none") return adviceForTarget(url, cause);
  const address = new URL(url);
  const chain = await readChain(address, undefined, { timeoutMs: TIMEOUT_MS, signal }).catch(() => []);
  const { hostname } = endpointOf(address);
  const seen = { hostname, reason: messageOf(cause), nowMs: Date.now(), settings: SETTINGS };
  return adviceForCertificate(chain, seen);
}
