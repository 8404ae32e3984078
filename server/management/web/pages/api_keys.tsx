/**
 * Keys with which programs use management.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { ApiKey } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { newApiKeySchema } from "../../api_key_service.ts";
import { parseInput } from "../../input.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, type FormState, freshForm, readForm, utcTime } from "../form.ts";
import { goTo } from "../guards.ts";
import { showPage } from "../layout.tsx";
import { Card, Confirm, Copyable, Empty, Heading, Notice, Pager, TableBox, Time } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { idOf, skipOf, withQuery } from "../query.ts";
import { Validity } from "./secrets.tsx";
import { ROLE_OPTIONS } from "./users.tsx";

const PAGE_SIZE = 50;

/** Adds the pages. */
export function addApiKeyPages(web: Web, parts: WebParts): void {
  const { apiKeys, credentials } = parts;
  const admin = allow("admin", credentials);
  web.get("/api-keys", admin, (context) => showApiKeys(context, { parts, form: freshForm({ role: "reader" }) }));
  web.post("/api-keys", admin, async (context) => {
    const values = await readForm(context);
    try {
      const { name, role } = values;
      const input = parseInput(newApiKeySchema, { name, role, expiration: utcTime(values.expiration) });
      const { apiKey, value } = await apiKeys.create(input, actorOf(context, parts));
      return await showNewApiKey(context, { apiKey, value });
    } catch (error) {
      return await showApiKeys(context, { parts, form: faultyForm(error, values) });
    }
  });
  web.post("/api-keys/:id/remove", admin, async (context) => {
    await apiKeys.remove(idOf(context), actorOf(context, parts));
    return goTo(context, "/api-keys?done=removed");
  });
}

async function showApiKeys(
  context: WebContext,
  { parts, form }: { readonly parts: WebParts; readonly form: FormState },
): Promise<Response> {
  const skip = skipOf(context);
  const { results, totalCount } = await parts.apiKeys.list({ skip, take: PAGE_SIZE });
  const isRemoved = context.req.method === "GET" && context.req.query("done") === "removed";
  return await showPage(
    context,
    { title: "API keys", place: "/api-keys", status: Object.keys(form.faults).length > 0 ? 400 : 200 },
    <>
      <Heading title="API keys" about="For programs. They send one in the header Api-Key." />
      {isRemoved && (
        <Notice kind="good">
          <p>The key is deleted and counts no longer.</p>
        </Notice>
      )}
      <Card wide>
        {results.length === 0
          ? <Empty title="No API keys">Make one for each program that is to use the API.</Empty>
          : (
            <TableBox label="API keys">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Role</th>
                    <th scope="col">Valid</th>
                    <th scope="col">Last used</th>
                    <th scope="col">
                      <span class="hidden">What can be done</span>
                    </th>
                  </tr>
                </thead>
                <tbody>{results.map((apiKey) => <ApiKeyRow apiKey={apiKey} nowMs={parts.now()} />)}</tbody>
              </table>
            </TableBox>
          )}
        <Pager
          skip={skip}
          take={PAGE_SIZE}
          total={totalCount}
          shown={results.length}
          href={(next) => withQuery("/api-keys", { skip: next > 0 ? String(next) : undefined })}
        />
      </Card>
      <Card title="New API key">
        <Faults form={form} labels={{ name: "Name", role: "Role", expiration: "Valid until" }} />
        <form method="post" action="/api-keys" class="form">
          <TextField form={form} name="name" label="Name" required help="What it is for." />
          <div class="form-row">
            <SelectField form={form} name="role" label="Role" options={ROLE_OPTIONS} />
            <TextField form={form} name="expiration" label="Valid until (UTC)" type="datetime-local" />
          </div>
          <div class="actions">
            <button type="submit" class="primary">Make API key</button>
          </div>
        </form>
      </Card>
    </>,
  );
}

const ApiKeyRow: FC<{ apiKey: ApiKey; nowMs: number }> = ({ apiKey, nowMs }) => {
  const { id, name, role, expiresAt, lastUsedAt } = apiKey;
  return (
    <tr>
      <th scope="row">
        <span class="name">{name}</span>
      </th>
      <td>{role}</td>
      <td>
        <Validity expiresAt={expiresAt} nowMs={nowMs} />
      </td>
      <td>{lastUsedAt === null ? <span class="muted">Never</span> : <Time at={lastUsedAt} nowMs={nowMs} />}</td>
      <td class="actions-cell">
        <Confirm label="Delete" question={`Delete ${name}?`} action={`/api-keys/${id}/remove`} button="Delete API key">
          <p>Programs that use it are refused at once.</p>
        </Confirm>
      </td>
    </tr>
  );
};

function showNewApiKey(
  context: WebContext,
  { apiKey, value }: { readonly apiKey: ApiKey; readonly value: string },
): Promise<Response> {
  const base = new URL(context.req.url).origin;
  return showPage(
    context,
    { title: "New API key", place: "/api-keys" },
    <>
      <Heading title={`API key ${apiKey.name}`} />
      <Card>
        <Notice kind="warn" title="The key is shown only now">
          <p>Only its hash is kept. If it gets lost, make another one and delete this one.</p>
        </Notice>
        <Copyable id="secret" label="API key" text={value} />
        <Copyable id="command" label="Try it" text={`curl -sS -H 'Api-Key: ${value}' ${base}/management/status`} />
        <p>
          <a class="button" href="/api-keys">To all API keys</a>
        </p>
      </Card>
    </>,
  );
}
