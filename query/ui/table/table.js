// @ts-check
// The answer to a query with pipes. Numbers stand right with a bar behind them; a time column makes it a chart as well, and a line's id leads to the line.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { link } from "../app/address.js";
import { visible } from "../lib/text.js";
import { full } from "../lib/time.js";
import { table } from "../search/state.js";
import { Chart } from "./chart.js";

/** More rows than that are for a file, not for eyes. */
const ROWS_SHOWN_MAX = 1_000;
/** A cell shows the beginning of a long text. */
const CELL_MAX = 600;

export function Table() {
  const answer = table.value;
  if (!answer || answer.rows.length === 0) return null;
  const { columns, rows, truncated } = answer;
  const numeric = columns.map((_, at) => rows.some((row) => typeof row[at] === "number") && rows.every((row) => row[at] === null || typeof row[at] === "number"));
  const most = columns.map((_, at) => (numeric[at] ? rows.reduce((max, row) => Math.max(max, Number(row[at] ?? 0)), 0) : 0));
  return html`
    <${Chart} table=${answer} numeric=${numeric} />
    <div class="table" tabindex="0" role="region" aria-label=${t("table.label")}>
      <table>
        <thead><tr>${columns.map((name, at) => html`<th scope="col" class=${numeric[at] ? "number" : ""}>${visible(name)}</th>`)}</tr></thead>
        <tbody>${rows.slice(0, ROWS_SHOWN_MAX).map((row) => html`<tr>${row.map((cell, at) => html`<${Cell} name=${columns[at]} cell=${cell} numeric=${numeric[at]} most=${most[at]} />`)}</tr>`)}</tbody>
      </table>
    </div>
    ${rows.length > ROWS_SHOWN_MAX && html`<p class="end muted">${t("table.shown", { count: ROWS_SHOWN_MAX, total: rows.length })}</p>`}
    ${truncated && html`<p class="end muted">${t("table.truncated")}</p>`}
  `;
}

/** @param {{name: string, cell: string | number | boolean | null, numeric: boolean, most: number}} props */
function Cell({ name, cell, numeric, most }) {
  if (cell === null) return html`<td class="muted">–</td>`;
  if (numeric) return html`<td class="number"><meter min="0" max=${Math.max(most, 1e-9)} value=${Number(cell)} aria-hidden="true"></meter>${n(Number(cell))}</td>`;
  const text = String(cell);
  if (name === "id") return html`<td><a href=${link({ page: "explore", query: `id:"${text}"`, from: "-7d", row: text })}>${visible(text)}</a></td>`;
  if ((name === "time" || name === "first" || name === "last") && !Number.isNaN(Date.parse(text))) return html`<td class="time" title=${text}>${full(Date.parse(text))}</td>`;
  return html`<td><bdi>${visible(text.slice(0, CELL_MAX))}${text.length > CELL_MAX ? "…" : ""}</bdi></td>`;
}
