// @ts-check
// The fix of a problem in the logger that the reader has: the choice is remembered.

import { html, signal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { said } from "../app/toast.js";
import { keep, recall } from "../lib/prefs.js";
import { copy } from "../lib/text.js";
import { LOGGERS, recipes } from "./loggers.js";

const chosen = signal(/** @type {import("./loggers.js").Logger} */ (LOGGERS.find((name) => name === recall("logger")) ?? "Python"));

/** @param {import("./loggers.js").Logger} name */
function choose(name) {
  chosen.value = name;
  keep("logger", name);
}

/** @param {{problem: string}} props */
export function Fix({ problem }) {
  const known = recipes(problem);
  if (!known) return null;
  const code = known[chosen.value];
  const take = async () => said((await copy(code)) ? "toast.copied" : "toast.noCopy");
  return html`
    <div class="fix-card">
      <div class="chips" role="group" aria-label=${t("check.logger")}>${LOGGERS.map((name) => html`<button type="button" aria-pressed=${String(name === chosen.value)} onClick=${() => choose(name)}>${name}</button>`)}</div>
      <pre tabindex="0" aria-label=${`${t("check.logger")}: ${chosen.value}`}>${code}</pre>
      <button type="button" class="quiet" onClick=${take}>${t("share.copy")}</button>
    </div>
  `;
}
