// @ts-check
// A query that cannot be read: the place, the reason, and a correction to click. A LogQL or SQL query is offered as the same question in this language.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { sentence } from "../lib/text.js";

const FOREIGN = { E113: "LogQL", E114: "SQL" };

/** In UTF-16 units, as the script counts. @param {import("../lib/api.js").Problem} problem @param {number} length @returns {[number, number]} */
export function spanOf({ span: said }, length) {
  const [from, to] = Array.isArray(said) ? said : said?.utf16 ?? [0, length];
  const start = Math.min(Math.max(from, 0), length);
  return [start, Math.min(Math.max(to, start), length)];
}

/** @param {{problem: import("../lib/api.js").Problem, apply: (fixed: string) => void}} props */
export function Mistake({ problem, apply }) {
  const { code = "", detail, title, hint, fix } = problem;
  const foreign = FOREIGN[/** @type {"E113"} */ (code)];
  return html`
    <p><b>${code}</b> ${sentence(detail || title || t("mistake.unreadable"))}</p>
    ${hint && hint !== detail && html`<p class="hint">${sentence(hint)}</p>`}
    ${typeof fix === "string" && html`<p class="hint"><button type="button" class="fix" onClick=${() => apply(fix)}>${foreign ? t("mistake.convert", { language: foreign }) : t("mistake.use")} <code>${fix || t("mistake.empty")}</code></button></p>`}
  `;
}
