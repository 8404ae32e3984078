/**
 * Messages of HTTP, with their headers and bodies.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { isShownImage } from "../../recordings/body_download.ts";
import { prettyJson } from "../../recordings/comparison.ts";
import type { BodyDocument } from "../../recordings/recording_document.ts";
import { bytes, counted } from "../format.ts";
import { Card } from "./blocks.tsx";

/** What a page shows of one body: it should be small, and the whole body can be downloaded. */
export const LONGEST_SHOWN = 16_000;

interface ShownMessage {
  /** What it is, for people. */
  readonly title: string;
  /** Begins the ids in the page. */
  readonly id: string;
  /** Its first line. */
  readonly line: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: BodyDocument | null;
  /** Where its body can be downloaded, if anywhere. */
  readonly download?: string;
}

/** A message. */
export const Message: FC<{ message: ShownMessage; children?: Child }> = ({ message, children }) => {
  const { title, id, line, headers, body, download } = message;
  return (
    <Card title={title} id={id}>
      {children}
      <p class="mono wrap">{line}</p>
      <details open>
        <summary>{counted(headers.length, "header line")}</summary>
        <table class="header-lines">
          <thead class="hidden">
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {headers.map(({ name, value }) => (
              <tr>
                <th scope="row">{name}</th>
                <td>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
      <BodyBlock body={body} id={id} title={title} download={download} />
    </Card>
  );
};

const BodyBlock: FC<{ body: BodyDocument | null; id: string; title: string; download: string | undefined }> = (
  { body, id, title, download },
) => {
  if (body === null) return <p class="muted">No body</p>;
  return (
    <>
      <p>
        {describe(body)}
        {download !== undefined && body.keptBytes > 0 && (
          <>
            {" · "}
            <a href={download} download>
              Download<span class="hidden">{` the body of ${title}`}</span>
            </a>
          </>
        )}
      </p>
      {body.keptBytes > 0 && <BodyContent body={body} id={id} title={title} download={download} />}
    </>
  );
};

const BodyContent: FC<{ body: BodyDocument; id: string; title: string; download: string | undefined }> = (
  { body, id, title, download },
) => {
  if (isShownImage(body.mediaType) && download !== undefined) {
    return <img class="body-image" src={download} alt={`The image in the body of ${title}`} />;
  }
  if (body.encoding === "base64") return <p class="muted">Bytes that are no text.</p>;
  const text = prettyJson(body.content) ?? body.content;
  return (
    <>
      <pre id={`${id}-body`} class="body-text" tabindex={0} role="region" aria-label={`Body of ${title}`}>
        <code>{text.slice(0, LONGEST_SHOWN)}</code>
      </pre>
      {text.length > LONGEST_SHOWN && <p class="muted">Only the beginning is shown here.</p>}
    </>
  );
};

function describe(body: BodyDocument): string {
  const facts = [bytes(body.sizeBytes)];
  if (body.mediaType !== "") facts.push(body.mediaType);
  if (body.decodedFrom !== null) facts.push(`${body.decodedFrom}, shown decoded`);
  if (body.isCut) facts.push(body.keptBytes === 0 ? "not kept" : `cut: the first ${bytes(body.keptBytes)} were kept`);
  if (!body.isComplete) facts.push("broke off");
  return facts.join(" · ");
}
