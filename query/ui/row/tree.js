// @ts-check
// Fields as a tree: a value is taken into the query or left out, becomes a column, is copied, or shows what else there is.

import { html, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { said } from "../app/toast.js";
import { clause } from "../lib/query.js";
import { copy, visible } from "../lib/text.js";
import { toggleColumn } from "../rows/columns.js";
import { narrow } from "./narrow.js";
import { below } from "./fields.js";
import { TopValues } from "./top.js";

/** More than the format allows is cut by the server; this keeps the page quick for what is allowed. */
const ITEMS_SHOWN_MAX = 200;

/** @param {{value: any, path: string}} props */
export function Tree({ value, path }) {
  const entries = Object.entries(value);
  return html`
    <ul class="tree">
      ${entries.slice(0, ITEMS_SHOWN_MAX).map(([key, item]) => {
        // Items of an array have their array's name.
        const name = Array.isArray(value) ? path : below(path, key);
        if (item === null || typeof item !== "object" || Object.keys(item).length === 0) return html`<${Leaf} name=${key} value=${typeof item === "object" && item !== null ? JSON.stringify(item) : item} path=${item === null || typeof item === "object" ? "" : name} />`;
        return html`<li class="branch"><span class="key">${visible(key)}</span><${Tree} value=${item} path=${name} /></li>`;
      })}
      ${entries.length > ITEMS_SHOWN_MAX && html`<li class="muted">${t("row.moreFields", { count: entries.length - ITEMS_SHOWN_MAX })}</li>`}
    </ul>
  `;
}

/** One value. @param {{name: string, value: unknown, path: string, children?: unknown}} props `path` is the field's name in a query; empty where it has none */
export function Leaf({ name, value, path, children }) {
  const [top, setTop] = useState(false);
  const text = value === null ? "null" : String(value);
  const only = path && value !== null ? clause(path, text) : null;
  const shown = visible(text) || "“”";
  const take = async () => said((await copy(text)) ? "toast.copied" : "toast.noCopy");
  return html`
    <li>
      <span class="key">${visible(name)}</span>
      <span class="what">
        ${only === null ? html`<span class="value">${shown}</span>` : html`<button type="button" class="value" title=${t("field.only", { clause: only })} onClick=${() => narrow(only)}>${shown}</button>`}
        <span class="tools">
          ${only !== null && html`
            <button type="button" aria-label=${t("field.only", { clause: only })} title=${t("field.only", { clause: only })} onClick=${() => narrow(only)}>+</button>
            <button type="button" aria-label=${t("field.without", { clause: only })} title=${t("field.without", { clause: only })} onClick=${() => narrow(`-${only}`)}>−</button>
            <button type="button" aria-label=${t("field.column", { name: path })} title=${t("field.column", { name: path })} aria-pressed=${String(view.value.columns.includes(path))} onClick=${() => toggleColumn(path)}>▥</button>
            <button type="button" aria-label=${t("field.top", { name: path })} title=${t("field.top", { name: path })} aria-pressed=${String(top)} onClick=${() => setTop(!top)}>≡</button>`}
          <button type="button" aria-label=${t("field.copy", { name })} title=${t("field.copy", { name })} onClick=${take}>❐</button>
        </span>
        ${children}
        ${top && html`<${TopValues} field=${path} />`}
      </span>
    </li>
  `;
}
