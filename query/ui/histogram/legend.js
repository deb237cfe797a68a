// @ts-check
// The levels that are there, with their counts: a click hides one, another shows it again.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { go, view } from "../app/address.js";
import { hasClause, withClause, withoutClause } from "../lib/query.js";
import { ORDER } from "./bars.js";

/** @param {{bars: import("./bars.js").Bar[]}} props */
export function Legend({ bars }) {
  const { query } = view.value;
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const bar of bars) for (const [level, count] of bar.levels) sums.set(level, (sums.get(level) ?? 0) + count);
  const hide = (/** @type {string} */ level) => `-level:${level}`;
  return html`
    <div class="legend" role="group" aria-label=${t("histogram.levels")}>
      ${ORDER.filter((level) => sums.has(level) || hasClause(query, hide(level))).map((level) => {
        const hidden = hasClause(query, hide(level));
        const name = level === "none" ? t("level.none") : level;
        const title = hidden ? t("histogram.show", { level: name }) : t("histogram.hide", { level: name });
        const click = () => go({ query: hidden ? withoutClause(query, hide(level)) : withClause(query, hide(level)), row: "" });
        return html`<button type="button" class=${`quiet${hidden ? " hidden-level" : ""}`} aria-pressed=${String(!hidden)} title=${title} onClick=${click}><span class=${`swatch fill-${level}`} aria-hidden="true"></span>${name} ${hidden ? "" : n(sums.get(level) ?? 0)}</button>`;
      })}
    </div>
  `;
}
