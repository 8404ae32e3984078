/**
 * One's own account: who one is, and another password.
 *
 * @module
 */

import { allow } from "../../api/authentication.ts";
import { actorOf } from "../../api/environment.ts";
import { clearSessionCookie } from "../../api/session_cookie.ts";
import { parseInput } from "../../input.ts";
import { ManagementError } from "../../management_error.ts";
import { userChangeSchema } from "../../user_service.ts";
import type { Web, WebContext, WebParts } from "../environment.ts";
import { faultyForm, type FormState, freshForm, readForm } from "../form.ts";
import { goTo } from "../guards.ts";
import { showPage } from "../layout.tsx";
import { Card, Heading } from "../parts/blocks.tsx";
import { Faults, TextField } from "../parts/fields.tsx";

const MAY: Readonly<Record<string, string>> = {
  reader: "You may read everything but users and API keys.",
  writer: "You may read everything but users and API keys, and change tenants.",
  admin: "You may do everything.",
};

/** Adds the pages. */
export function addAccountPages(web: Web, parts: WebParts): void {
  const reader = allow("reader", parts.credentials);
  web.get("/account", reader, (context) => showAccount(context, freshForm()));
  web.post("/account", reader, async (context) => {
    const { current = "", password = "", repeated = "" } = await readForm(context);
    try {
      await changePassword(context, { parts, current, password, repeated });
    } catch (error) {
      return await showAccount(context, faultyForm(error, {}));
    }
    clearSessionCookie(context);
    return goTo(context, "/login?done=password");
  });
}

interface PasswordChange {
  readonly parts: WebParts;
  readonly current: string;
  readonly password: string;
  readonly repeated: string;
}

/** Whoever sits at somebody else's open browser must not be able to take the account over: the present password is asked for. */
async function changePassword(context: WebContext, { parts, current, password, repeated }: PasswordChange) {
  const { principal } = context.get("caller");
  if (principal.kind !== "user") throw new ManagementError("access_denied", "An API key has no password");
  const input = parseInput(userChangeSchema, { password });
  if (password !== repeated) throw fault("repeated", "Is not the same as the new password");
  const request = { name: principal.name, password: current, clientAddress: parts.clientAddress(context.env.incoming) };
  if (!await parts.sessions.confirm(request)) throw fault("current", "Is not your password");
  await parts.users.update(principal.id, { input, actor: actorOf(context, parts) });
}

function fault(path: string, message: string): ManagementError {
  return new ManagementError("invalid_request", "Cannot change the password", {
    problems: [{ in: "body", path, message }],
  });
}

function showAccount(context: WebContext, form: FormState): Promise<Response> {
  const { principal } = context.get("caller");
  const isFaulty = Object.keys(form.faults).length > 0;
  return showPage(
    context,
    { title: "Account", place: "/account", status: isFaulty ? 400 : 200 },
    <>
      <Heading title={principal.name} about={`Role: ${principal.role}. ${MAY[principal.role]}`} />
      <Card title="Change password">
        <Faults
          form={form}
          labels={{ current: "Present password", password: "New password", repeated: "New password again" }}
        />
        <form method="post" action="/account" class="form">
          <input type="hidden" name="username" autocomplete="username" value={principal.name} />
          <TextField
            form={form}
            name="current"
            label="Present password"
            type="password"
            required
            autocomplete="current-password"
          />
          <TextField
            form={form}
            name="password"
            label="New password"
            type="password"
            required
            autocomplete="new-password"
            help="At least 12 characters. All your sessions end, here and elsewhere: log in again with the new one."
          />
          <TextField
            form={form}
            name="repeated"
            label="New password again"
            type="password"
            required
            autocomplete="new-password"
          />
          <div class="actions">
            <button type="submit" class="primary">Change password</button>
          </div>
        </form>
      </Card>
    </>,
  );
}
