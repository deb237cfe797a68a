// @ts-check
// All days as bars, with the number of each below it.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { bytes } from "../share/bytes.js";

/** So many days have room for words. */
const LABELLED_MAX = 14;

/** @param {{days: (import("./tally.js").Sum & {day: string})[], what: "lines" | "bytes" | "errors"}} props */
export function Days({ days, what }) {
  const most = Math.max(...days.map((day) => day[what]), 1);
  const shown = (/** @type {number} */ value) => (what === "bytes" ? bytes(value) : n(value));
  return html`
    <ol class=${`days${days.length > LABELLED_MAX ? " many" : ""}`} aria-label=${t("usage.byDay")}>
      ${days.map((day) => html`
        <li title=${`${day.day}: ${shown(day[what])}`}>
          <svg viewBox="0 0 1 100" preserveAspectRatio="none" aria-hidden="true"><rect class=${what === "errors" ? "fill-error" : "fill-info"} width="1" y=${100 - bar(day[what], most)} height=${bar(day[what], most)} /></svg>
          <b>${shown(day[what])}</b><span class="muted">${day.day.slice(5)}</span>
        </li>`)}
    </ol>
  `;
}

/** @param {number} value @param {number} most */
function bar(value, most) {
  return value > 0 ? Math.max((value / most) * 100, 1.5) : 0;
}
