/**
 * People who may use management.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { ROLES, type User } from "../../../persistence/mod.ts";
import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { parseInput } from "../../input.ts";
import { newUserSchema, userChangeSchema } from "../../user_service.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, filled, type FormState, freshForm, readForm } from "../form.ts";
import { goTo } from "../guards.ts";
import { showPage } from "../layout.tsx";
import { Card, Confirm, Heading, Notice, Pager, TableBox, Time } from "../parts/blocks.tsx";
import { Faults, SelectField, TextField } from "../parts/fields.tsx";
import { idOf, skipOf, withQuery } from "../query.ts";

const PAGE_SIZE = 50;
const LABELS = { name: "Name", role: "Role", password: "Password" };

const ROLE_NAMES = {
  reader: "Reader: sees everything but people and keys",
  writer: "Writer: also changes tenants",
  admin: "Admin: everything",
} as const;

/** The roles and what they may do. */
export const ROLE_OPTIONS = ROLES.map((role) => [role, ROLE_NAMES[role]] as const);

const DONE: Readonly<Record<string, string>> = {
  made: "The user is made.",
  changed: "The user is changed.",
  removed: "The user is deleted, and all sessions of that user have ended.",
};

/** Adds the pages. */
export function addUserPages(web: Web, parts: WebParts): void {
  const { users, credentials } = parts;
  const admin = allow("admin", credentials);
  web.get("/users", admin, (context) => showUsers(context, { parts, form: freshForm({ role: "reader" }) }));
  web.post("/users", admin, async (context) => {
    const values = await readForm(context);
    try {
      const { name, role, password } = values;
      await users.create(parseInput(newUserSchema, { name, role, password }), actorOf(context, parts));
    } catch (error) {
      return await showUsers(context, { parts, form: faultyForm(error, values) });
    }
    return goTo(context, "/users?done=made");
  });
  web.get("/users/:id", admin, async (context) => {
    const user = await users.get(idOf(context));
    return await showUser(context, { parts, user, form: freshForm({ role: user.role }) });
  });
  web.post("/users/:id", admin, async (context) => {
    const user = await users.get(idOf(context));
    const values = await readForm(context);
    try {
      const password = filled(values.password);
      const input = parseInput(userChangeSchema, { role: values.role, ...(password === null ? {} : { password }) });
      await users.update(user.id, { input, actor: actorOf(context, parts) });
    } catch (error) {
      return await showUser(context, { parts, user, form: faultyForm(error, values) });
    }
    return goTo(context, "/users?done=changed");
  });
  web.post("/users/:id/remove", admin, async (context) => {
    await users.remove(idOf(context), actorOf(context, parts));
    return goTo(context, "/users?done=removed");
  });
}

async function showUsers(
  context: WebContext,
  { parts, form }: { readonly parts: WebParts; readonly form: FormState },
): Promise<Response> {
  const skip = skipOf(context);
  const { results, totalCount } = await parts.users.list({ skip, take: PAGE_SIZE });
  const done = context.req.method === "GET" ? DONE[context.req.query("done") ?? ""] : undefined;
  const status = Object.keys(form.faults).length > 0 ? 400 : 200;
  return await showPage(
    context,
    { title: "Users", place: "/users", status },
    <>
      <Heading title="Users" about="People who may use this web and the API behind it." />
      {done !== undefined && (
        <Notice kind="good">
          <p>{done}</p>
        </Notice>
      )}
      <Card wide>
        <TableBox label="Users">
          <table>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Role</th>
                <th scope="col">Last login</th>
                <th scope="col">Made</th>
              </tr>
            </thead>
            <tbody>{results.map((user) => <UserRow user={user} nowMs={parts.now()} />)}</tbody>
          </table>
        </TableBox>
        <Pager
          skip={skip}
          take={PAGE_SIZE}
          total={totalCount}
          shown={results.length}
          href={(next) => withQuery("/users", { skip: next > 0 ? String(next) : undefined })}
        />
      </Card>
      <Card title="New user">
        <Faults form={form} labels={LABELS} />
        <form method="post" action="/users" class="form">
          <TextField form={form} name="name" label="Name" required help="Never changes." />
          <SelectField form={form} name="role" label="Role" options={ROLE_OPTIONS} />
          <TextField
            form={form}
            name="password"
            label="Password"
            type="password"
            required
            autocomplete="new-password"
            help="At least 12 characters. Whoever gets it can change it on the page Account."
          />
          <div class="actions">
            <button type="submit" class="primary">Make user</button>
          </div>
        </form>
      </Card>
    </>,
  );
}

const UserRow: FC<{ user: User; nowMs: number }> = ({ user, nowMs }) => (
  <tr>
    <th scope="row">
      <a class="name" href={`/users/${user.id}`}>{user.name}</a>
    </th>
    <td>{user.role}</td>
    <td>
      {user.lastLoginAt === null ? <span class="muted">Never</span> : <Time at={user.lastLoginAt} nowMs={nowMs} />}
    </td>
    <td>
      <Time at={user.createdAt} nowMs={nowMs} />
    </td>
  </tr>
);

function showUser(
  context: WebContext,
  { user, form }: { readonly parts: WebParts; readonly user: User; readonly form: FormState },
): Promise<Response> {
  const isOwn = context.get("caller").principal.id === user.id;
  return showPage(
    context,
    { title: user.name, place: "/users", status: Object.keys(form.faults).length > 0 ? 400 : 200 },
    <>
      <Heading title={user.name} about={isOwn ? "This is you." : `Role: ${user.role}`}>
        <Confirm
          label="Delete"
          question={isOwn ? "Delete yourself?" : `Delete ${user.name}?`}
          action={`/users/${user.id}/remove`}
          button="Delete user"
        >
          <p>All sessions of {isOwn ? "yours" : "this user"} end at once. What was done stays in the audit.</p>
        </Confirm>
      </Heading>
      <Card>
        <Faults form={form} labels={LABELS} />
        <form method="post" action={`/users/${user.id}`} class="form">
          <SelectField
            form={form}
            name="role"
            label="Role"
            options={ROLE_OPTIONS}
            help="Holds from the user's next step on."
          />
          <TextField
            form={form}
            name="password"
            label="New password"
            type="password"
            autocomplete="new-password"
            help="Empty: it stays as it is. A new one ends the user's sessions."
          />
          <div class="actions">
            <button type="submit" class="primary">Save</button>
            <a class="button" href="/users">Cancel</a>
          </div>
        </form>
      </Card>
    </>,
  );
}
