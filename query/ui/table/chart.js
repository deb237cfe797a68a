// @ts-check
// Figures over time, as `timechart` gives them: a line for each group, drawn where the table has a column `time` and a number.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { visible } from "../lib/text.js";
import { tick } from "../lib/time.js";

const WIDTH = 1_000;
const HEIGHT = 120;
const GROUPS_MAX = 8;

/** @param {{table: import("../lib/api.js").Table, numeric: boolean[]}} props */
export function Chart({ table: { columns, rows }, numeric }) {
  const time = columns.indexOf("time");
  const figure = numeric.lastIndexOf(true);
  if (time < 0 || figure < 0 || columns.includes("id")) return null;
  const groupOf = (/** @type {unknown[]} */ row) => row.filter((_, at) => at !== time && !numeric[at]).map(String).join(" · ");
  /** @type {Map<string, [number, number][]>} */
  const groups = new Map();
  for (const row of rows) {
    const ms = Date.parse(String(row[time]));
    if (Number.isNaN(ms)) return null;
    const name = groupOf(row);
    groups.set(name, [...(groups.get(name) ?? []), [ms, Number(row[figure] ?? 0)]]);
  }
  const sum = (/** @type {[number, number][]} */ points) => points.reduce((all, [, value]) => all + value, 0);
  const shown = [...groups].sort(([, a], [, b]) => sum(b) - sum(a)).slice(0, GROUPS_MAX);
  const times = rows.map((row) => Date.parse(String(row[time])));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  if (to <= from) return null;
  const max = Math.max(...shown.flatMap(([, points]) => points.map(([, value]) => value)), 1e-9);
  const x = (/** @type {number} */ ms) => ((ms - from) / (to - from)) * WIDTH;
  const y = (/** @type {number} */ value) => HEIGHT - (value / max) * (HEIGHT - 4) - 1;
  const path = (/** @type {[number, number][]} */ points) => [...points].sort(([a], [b]) => a - b).map(([ms, value], at) => `${at === 0 ? "M" : "L"}${x(ms).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  return html`
    <figure class="chart">
      <figcaption class="sr">${t("table.chart", { name: columns[figure] })}</figcaption>
      <div class="peak muted" aria-hidden="true">${n(max)}</div>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">${shown.map(([, points], at) => html`<path class=${`line line-${at}`} d=${path(points)} />`)}</svg>
      <div class="axis muted" aria-hidden="true">${[0, 1, 2, 3, 4].map((place) => html`<span>${tick(from + ((to - from) * place) / 4, to - from)}</span>`)}</div>
      ${shown.length > 1 && html`<ul class="keys">${shown.map(([name], at) => html`<li><span class=${`swatch line-${at}`} aria-hidden="true"></span>${visible(name)}</li>`)}${groups.size > GROUPS_MAX && html`<li class="muted">${t("table.groups", { count: groups.size - GROUPS_MAX })}</li>`}</ul>`}
    </figure>
  `;
}
