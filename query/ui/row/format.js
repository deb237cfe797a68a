// @ts-check
// How well a line was formed: its verdict, what was repaired with what its author changes, and what was removed from it.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import en from "../i18n/en.js";
import { code } from "../rows/shape.js";
import { Leaf } from "./tree.js";

/** What the module's author changes, by reason code. @param {string} problem */
export function fixOf(problem) {
  const key = `fix.${problem}`;
  return key in en ? t(/** @type {import("../i18n/i18n.js").Key} */ (key)) : "";
}

/** @param {{row: import("../lib/api.js").Row}} props */
export function Format({ row }) {
  const removed = redacted(row.redactions);
  return html`
    <ul class="tree">
      <${Leaf} name=${t("format.verdict")} value=${row.verdict ?? "ok"} path="verdict" />
      ${(row.problems ?? []).map((problem) => html`<${Leaf} name=${t("format.problem")} value=${code(problem)} path="problem">${fixOf(code(problem)) && html`<span class="fix-text">${fixOf(code(problem))}</span>`}<//>`)}
      ${removed && html`<li><span class="key">${t("format.removed")}</span><span class="value">${removed}</span></li>`}
    </ul>
  `;
}

/** How many secrets of which kind were removed. @param {import("../lib/api.js").Row["redactions"]} redactions */
function redacted(redactions) {
  if (!redactions) return "";
  const pairs = Array.isArray(redactions) ? redactions.map((each) => (typeof each === "string" ? [each, 1] : [each.kind, each.count ?? 1])) : Object.entries(redactions);
  return pairs.map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ");
}
