/**
 * What pages are built of.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { RequestOutcome } from "../../../persistence/mod.ts";
import { relative, utc } from "../format.ts";

/** The beginning of a page. */
export const Heading: FC<{ title: string; about?: Child; children?: Child }> = ({ title, about, children }) => (
  <div class="heading">
    <div>
      <h1>{title}</h1>
      {about !== undefined && <p class="muted">{about}</p>}
    </div>
    {children !== undefined && <div class="actions">{children}</div>}
  </div>
);

/** Something set apart. */
export const Card: FC<{ title?: string; id?: string; wide?: boolean; aside?: Child; children?: Child }> = (
  { title, id, wide = false, aside, children },
) => (
  <section class={wide ? "card flush" : "card"} id={id}>
    {title !== undefined && (
      <div class="card-head">
        <h2>{title}</h2>
        {aside}
      </div>
    )}
    {children}
  </section>
);

/** A moment: in UTC from here, in the reader's own time once scripts run. */
export const Time: FC<{ at: number; nowMs?: number }> = ({ at, nowMs }) => (
  <time
    datetime={new Date(at).toISOString()}
    title={`${utc(at)} UTC`}
    data-time={nowMs === undefined ? "clock" : "relative"}
  >
    {nowMs === undefined ? utc(at) : relative(at, nowMs)}
  </time>
);

/** A word about a state, told by more than its color. */
export const Pill: FC<{ kind: "good" | "bad" | "warn" | "idle"; children?: Child }> = ({ kind, children }) => (
  <span class={`pill ${kind}`}>{children}</span>
);

/** Whether a tenant is connected; kept up to date by events. */
export const PresencePill: FC<{ tenantId: string; connections: number }> = ({ tenantId, connections }) => (
  <span class={`pill ${connections > 0 ? "good" : "idle"}`} data-presence={tenantId}>
    {connections > 0 ? "Online" : "Offline"}
  </span>
);

/** The status that a client got. */
export const StatusPill: FC<{ status: number; outcome: RequestOutcome }> = ({ status, outcome }) => {
  const kind = outcome === "aborted" ? "warn" : status >= 500 ? "bad" : status >= 400 ? "warn" : "good";
  return <Pill kind={kind}>{status}</Pill>;
};

/** What there is to say when a list is empty. */
export const Empty: FC<{ title: string; children?: Child }> = ({ title, children }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children !== undefined && <p class="muted">{children}</p>}
  </div>
);

/** News about what was just done, or what went wrong. */
export const Notice: FC<{ kind: "good" | "bad" | "warn"; title?: string; children?: Child }> = (
  { kind, title, children },
) => (
  <div class={`notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
    {title !== undefined && <p class="notice-title">{title}</p>}
    {children}
  </div>
);

/** A number with its name. */
export const Tile: FC<{ label: string; value: string; about?: Child; kind?: "bad" | "good" }> = (
  { label, value, about, kind },
) => (
  <div class="tile">
    <dt>{label}</dt>
    <dd class={kind}>{value}</dd>
    {about !== undefined && <dd class="muted small">{about}</dd>}
  </div>
);

interface ConfirmOptions {
  readonly label: string;
  readonly question: string;
  readonly action: string;
  readonly button: string;
  /** Set when nothing is lost by it. */
  readonly isHarmless?: boolean;
  readonly children?: Child;
}

/** Says what will happen before it can be done. Works without scripts. */
export const Confirm: FC<ConfirmOptions> = ({ label, question, action, button, isHarmless = false, children }) => (
  <details class="confirm">
    <summary class={isHarmless ? "button" : "button danger"} aria-label={question}>{label}</summary>
    <div class="confirm-body">
      <p class="strong">{question}</p>
      {children}
      <form method="post" action={action}>
        <button type="submit" class={isHarmless ? "primary" : "danger solid"}>{button}</button>
      </form>
    </div>
  </details>
);

/** Text that is to be taken somewhere else. */
export const Copyable: FC<{ id: string; label: string; text: string }> = ({ id, label, text }) => (
  <figure class="code">
    <figcaption id={`${id}-label`}>
      <span>{label}</span>
      <button type="button" class="quiet small" data-copy={id} hidden>
        Copy<span class="hidden">{` ${label}`}</span>
      </button>
    </figcaption>
    <pre id={id} tabindex={0} role="region" aria-labelledby={`${id}-label`}><code>{text}</code></pre>
  </figure>
);

/** A table that can be wider than the screen. */
export const TableBox: FC<{ label: string; children?: Child }> = ({ label, children }) => (
  <div class="table-box" role="region" aria-label={label} tabindex={0}>{children}</div>
);

/** Leads to other pages of a list. */
export const Pager: FC<{ skip: number; take: number; total: number; shown: number; href: (skip: number) => string }> = (
  { skip, take, total, shown, href },
) => (
  <nav class="pager" aria-label="Pages of the list">
    <p class="muted">
      {total === 0
        ? "None"
        : `${(skip + 1).toLocaleString("en")}–${(skip + shown).toLocaleString("en")} of ${total.toLocaleString("en")}`}
    </p>
    <div class="actions">
      {skip > 0 && <a class="button" rel="prev" href={href(Math.max(0, skip - take))}>Previous</a>}
      {skip + take < total && <a class="button" rel="next" href={href(skip + take)}>Next</a>}
    </div>
  </nav>
);
