// @ts-check
// The most frequent values of a field among the lines that the present query finds.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { missing, useAnswer } from "../app/load.js";
import { view } from "../app/address.js";
import { values } from "../lib/api.js";
import { clause } from "../lib/query.js";
import { visible } from "../lib/text.js";
import { bounds } from "../search/run.js";
import { narrow } from "./narrow.js";

const SHOWN = 10;

/** @param {{field: string}} props */
export function TopValues({ field }) {
  const asked = view.value.page === "explore" ? bounds(view.value) : { query: "", from: "-24h" };
  const answer = useAnswer((signal) => values({ ...asked, field, limit: SHOWN }, signal), [field, asked.query, asked.from, asked.to]);
  const nothing = missing(answer, 3);
  if (nothing || !answer.value) return html`<div class="top">${nothing}</div>`;
  const { values: list, lines, exact } = answer.value;
  return html`
    <div class="top">
      <ul>${list.map(({ value, count }) => {
        const only = clause(field, value);
        return html`<li>
          <button type="button" class="value" disabled=${only === null} onClick=${() => only && narrow(only)}>${visible(value) || "“”"}</button>
          <meter min="0" max=${Math.max(lines, 1)} value=${count} aria-hidden="true"></meter><span class="count">${n(count)}</span></li>`;
      })}</ul>
      <p class="muted">${exact ? t("facets.exact", { count: lines }) : t("facets.sampled", { count: lines })}</p>
    </div>
  `;
}
