// @ts-check
// Why nothing was found, where the server says it: what each part of the query finds alone, and the nearest lines before and after the range.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go } from "../app/address.js";
import { sentence, visible } from "../lib/text.js";
import { full, rfc3339 } from "../lib/time.js";

/** Around a line that is gone to, ms. */
const AROUND_MS = 300_000;

/** @param {{why: import("../lib/api.js").Why}} props */
export function Why({ why }) {
  const { fix, newest } = why;
  return html`
    <div class="why">
      <p>${sentence(visible(why.message))}</p>
      ${fix && html`<p class="hint"><button type="button" class="fix" onClick=${() => go(fix)}>${t("mistake.use")} <code>${visible(fix.query ?? [fix.from, fix.to].filter(Boolean).join(" … "))}</code></button></p>`}
      ${(why.clauses ?? []).length > 0 && html`
        <table>
          <caption>${t("why.clauses")}</caption>
          <tbody>${(why.clauses ?? []).map(({ text, alone }) => html`<tr><th scope="row"><button type="button" class="link" onClick=${() => go({ query: text })}><code>${visible(text)}</code></button></th><td>${alone.exact ? "" : "≥ "}${t("found.lines", { count: alone.lines })}</td></tr>`)}</tbody>
        </table>`}
      <${Near} time=${why.before?.time} label=${t("why.before")} />
      <${Near} time=${why.after?.time} label=${t("why.after")} />
      ${newest && html`<p class="muted">${t("why.newest", { time: full(Date.parse(newest.time)) })}</p>`}
    </div>
  `;
}

/** @param {{time?: string, label: string}} props */
function Near({ time, label }) {
  const ms = time ? Date.parse(time) : NaN;
  if (Number.isNaN(ms)) return null;
  const there = () => go({ from: rfc3339(ms - AROUND_MS), to: rfc3339(ms + AROUND_MS) });
  return html`<p>${label} <button type="button" class="link" onClick=${there}>${full(ms)}</button></p>`;
}
