/**
 * What came back for a request, where its time went, and what is different about it.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { Comparison } from "../../recordings/comparison.ts";
import type { SentAnswerDocument } from "../../recordings/sent_answer.ts";
import { ERROR_TEXTS } from "../error_texts.ts";
import { Card, Notice, Pill, TableBox } from "./blocks.tsx";
import { LONGEST_SHOWN, Message } from "./message.tsx";
import { TimesCard } from "./times_card.tsx";

/** What came back. */
export const SentAnswer: FC<{ answer: SentAnswerDocument }> = ({ answer }) => {
  const { requestId, response, errorCode, times, connection } = answer;
  const explanation = errorCode === null ? undefined : ERROR_TEXTS[errorCode];
  return (
    <>
      {errorCode !== null && (
        <Notice kind="bad" title={`The relay answered itself: ${errorCode}`}>
          {explanation !== undefined && <p>{`${explanation.meaning} ${explanation.remedy}`}</p>}
        </Notice>
      )}
      <TimesCard times={times} />
      <Message
        message={{
          title: "Answer",
          id: "answer",
          line: `HTTP ${response.status}`,
          headers: response.headers,
          body: response.body,
        }}
      >
        <p class="muted">
          Request <a class="mono" href={`/requests/${requestId}`}>{requestId}</a>
          {connection !== null && ` by ${connection.machineName}, version ${connection.version}`}
        </p>
      </Message>
    </>
  );
};

const CHANGES = {
  same: ["idle", "Same"],
  changed: ["warn", "Changed"],
  added: ["warn", "Added"],
  removed: ["warn", "Removed"],
  masked: ["idle", "Not recorded"],
} as const;

/** What is different about an answer. */
export const ComparisonCard: FC<{ comparison: Comparison; recordedStatus: number; replayedStatus: number }> = (
  { comparison: { isSameStatus, headers, body }, recordedStatus, replayedStatus },
) => (
  <Card title="Compared with what was recorded">
    <dl class="facts">
      <div>
        <dt>Status</dt>
        <dd>
          <Pill kind={isSameStatus ? "good" : "warn"}>
            {isSameStatus ? `Same: ${replayedStatus}` : `${recordedStatus} is now ${replayedStatus}`}
          </Pill>
        </dd>
      </div>
      <div>
        <dt>Body</dt>
        <dd>
          <Pill kind={body.isSame ? "good" : "warn"}>{body.isSame ? "Same" : "Different"}</Pill>
          {body.isPartial && " as far as it was kept"}
        </dd>
      </div>
    </dl>
    <TableBox label="Headers compared">
      <table class="header-lines">
        <thead>
          <tr>
            <th scope="col">Header</th>
            <th scope="col">Change</th>
            <th scope="col">Recorded</th>
            <th scope="col">Now</th>
          </tr>
        </thead>
        <tbody>
          {headers.map(({ name, change, recorded, replayed }) => (
            <tr>
              <th scope="row">{name}</th>
              <td>
                <Pill kind={CHANGES[change][0]}>{CHANGES[change][1]}</Pill>
              </td>
              <td>{recorded.join("\n")}</td>
              <td>{replayed.join("\n")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
    {!body.isSame && body.lines !== null && <Lines lines={body.lines} />}
    {!body.isSame && body.lines === null && <p class="muted">The bodies are no texts, or too different to compare.</p>}
  </Card>
);

const MARKS = { same: " ", added: "+", removed: "-" } as const;

const Lines: FC<{ lines: NonNullable<Comparison["body"]["lines"]> }> = ({ lines }) => {
  let left = LONGEST_SHOWN;
  const shown = lines.map(({ change, text }) => {
    const part = text.slice(0, Math.max(0, left));
    left -= part.length;
    const marked = part.replace(/\n$/, "").replaceAll(/^/gm, `${MARKS[change]} `);
    return part !== "" && <span class={change}>{marked}</span>;
  });
  return (
    <>
      <pre class="diff-lines" tabindex={0} role="region" aria-label="Lines of the bodies compared">{shown}</pre>
      {left <= 0 && <p class="muted">Only the beginning is shown here.</p>}
    </>
  );
};
