/**
 * Fields of forms, each with its help and what is wrong with it.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { FormState } from "../form.ts";
import { Notice } from "./blocks.tsx";

interface FieldBasics {
  readonly form: FormState;
  readonly name: string;
  readonly label: string;
  readonly help?: Child;
}

interface InputOptions extends FieldBasics {
  readonly type?: "text" | "password" | "number" | "datetime-local" | "search";
  readonly required?: boolean;
  readonly autocomplete?: string;
  readonly autofocus?: boolean;
  readonly placeholder?: string;
  readonly inputmode?: "numeric" | "text";
  /** Whether it is short. */
  readonly narrow?: boolean;
}

function describedBy({ form, name, help }: FieldBasics): string | undefined {
  const ids = [help !== undefined && `${name}-help`, form.faults[name] !== undefined && `${name}-fault`];
  return ids.filter(Boolean).join(" ") || undefined;
}

const FieldBox: FC<FieldBasics & { children?: Child }> = ({ form, name, label, help, children }) => (
  <div class={form.faults[name] === undefined ? "field" : "field faulty"}>
    <label for={name}>{label}</label>
    {help !== undefined && <p class="help" id={`${name}-help`}>{help}</p>}
    {form.faults[name] !== undefined && <p class="fault" id={`${name}-fault`}>{form.faults[name]}</p>}
    {children}
  </div>
);

/** A line of text. What is a secret is never sent back. */
export const TextField: FC<InputOptions> = (options) => {
  const { form, name, type = "text", required, autocomplete, autofocus, placeholder, inputmode, narrow } = options;
  return (
    <FieldBox {...options}>
      <input
        id={name}
        name={name}
        type={type}
        class={narrow === true ? "narrow" : undefined}
        value={type === "password" ? "" : form.values[name] ?? ""}
        required={required}
        autocomplete={autocomplete ?? "off"}
        autofocus={autofocus}
        placeholder={placeholder}
        inputmode={inputmode}
        spellcheck={false}
        aria-invalid={form.faults[name] === undefined ? undefined : "true"}
        aria-describedby={describedBy(options)}
      />
    </FieldBox>
  );
};

/** Several lines of text. */
export const TextAreaField: FC<FieldBasics & { rows: number; code?: boolean }> = (options) => {
  const { form, name, rows, code = false } = options;
  return (
    <FieldBox {...options}>
      <textarea
        id={name}
        name={name}
        rows={rows}
        class={code ? "mono" : undefined}
        spellcheck={code ? false : undefined}
        aria-invalid={form.faults[name] === undefined ? undefined : "true"}
        aria-describedby={describedBy(options)}
      >
        {`\n${form.values[name] ?? ""}`}
      </textarea>
    </FieldBox>
  );
};

/** One of several. */
export const SelectField: FC<FieldBasics & { options: readonly (readonly [value: string, label: string])[] }> = (
  { options: choices, ...options },
) => {
  const { form, name } = options;
  return (
    <FieldBox {...options}>
      <select
        id={name}
        name={name}
        aria-invalid={form.faults[name] === undefined ? undefined : "true"}
        aria-describedby={describedBy(options)}
      >
        {choices.map(([value, label]) => (
          <option value={value} selected={(form.values[name] ?? "") === value}>{label}</option>
        ))}
      </select>
    </FieldBox>
  );
};

/** Tells how many faults there are, and leads to them. */
export const Faults: FC<{ form: FormState; labels?: Readonly<Record<string, string>> }> = ({ form, labels = {} }) => {
  const faults = Object.entries(form.faults);
  if (faults.length === 0) return null;
  const [whole, fields] = [form.faults[""], faults.filter(([name]) => name !== "")];
  return (
    <Notice kind="bad" title={whole === undefined ? "Nothing was changed yet" : whole}>
      {fields.length > 0 && (
        <ul>
          {fields.map(([name, message]) => (
            <li>
              <a href={`#${name}`}>{labels[name] ?? name}</a>: {message}
            </li>
          ))}
        </ul>
      )}
    </Notice>
  );
};
