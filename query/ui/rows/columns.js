// @ts-check
// The head of the list; columns of fields can be taken away there.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { note, view } from "../app/address.js";
import { visible } from "../lib/text.js";

/** @param {{columns: string[]}} props */
export function Columns({ columns }) {
  return html`
    <div class="column-heads">
      <span aria-hidden="true">${t("column.time")}</span><span aria-hidden="true">${t("column.level")}</span><span aria-hidden="true">${t("column.module")}</span><span aria-hidden="true">${t("column.instance")}</span>
      ${columns.map((name) => html`<span class="own"><span title=${visible(name)}>${visible(name)}</span><button type="button" class="quiet" aria-label=${t("column.remove", { name })} onClick=${() => toggleColumn(name)}>✕</button></span>`)}
      <span aria-hidden="true">${t("column.message")}</span>
    </div>
  `;
}

/** Puts a field before the message, or takes it away. @param {string} name */
export function toggleColumn(name) {
  const { columns } = view.peek();
  note({ columns: columns.includes(name) ? columns.filter((other) => other !== name) : [...columns, name] });
}
