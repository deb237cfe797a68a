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
  const newest = typeof why.newest === "string" ? why.newest : why.newest?.time;
  return html`
    <div class="why">
      ${why.sentence && html`<p>${sentence(visible(why.sentence))}</p>`}
      ${(why.clauses ?? []).length > 0 && html`
        <table>
          <caption>${t("why.clauses")}</caption>
          <tbody>${(why.clauses ?? []).map(({ text, count }) => html`<tr><th scope="row"><button type="button" class="link" onClick=${() => go({ query: text })}><code>${visible(text)}</code></button></th><td>${t("found.lines", { count })}</td></tr>`)}</tbody>
        </table>`}
      <${Near} time=${why.before?.time} label=${t("why.before")} />
      <${Near} time=${why.after?.time} label=${t("why.after")} />
      ${newest && html`<p class="muted">${t("why.newest", { time: full(Date.parse(newest)) })}</p>`}
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
