// @ts-check
// Usage: how much each instance said, day by day, and what that takes on the disk. Days are UTC, as the server counts.

import { html, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { link, view } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { Note } from "../app/notes.js";
import { clause } from "../lib/query.js";
import { visible } from "../lib/text.js";
import { bytes } from "../share/bytes.js";
import { send } from "../lib/api.js";
import { When } from "../search/when.js";
import { Days } from "./days.js";
import { tally } from "./tally.js";

export function UsagePage() {
  const { from, to } = view.value;
  const what = useSignal(/** @type {"lines" | "bytes" | "errors"} */ ("lines"));
  const answer = useAnswer(async (signal) => {
    const parameters = new URLSearchParams(to ? { from, to } : { from });
    return tally(await (await send("GET", `usage?${parameters}`, undefined, signal)).json());
  }, [from, to]);
  const told = answer.value;
  return html`
    <div class="page-head"><h1>${t("usage.title")}</h1></div>
    <p class="muted lead">${t("usage.lead")}</p>
    <div class="when"><${When} />
      <div class="chips" role="group" aria-label=${t("usage.show")}>${/** @type {const} */ (["lines", "bytes", "errors"]).map((name) => html`<button type="button" value=${name} aria-pressed=${String(what.value === name)} onClick=${() => (what.value = name)}>${t(`usage.${name}`)}</button>`)}</div>
    </div>
    ${missing(answer, 10) ?? (told && (told.instances.length === 0 ? html`<${Note} title=${t("problems.noLines")} advice=${t("problems.noLinesAdvice")} />` : html`<${Told} told=${told} what=${what.value} />`))}
  `;
}

/** @param {{told: import("./tally.js").Told, what: "lines" | "bytes" | "errors"}} props */
function Told({ told, what }) {
  const { instances, days, all } = told;
  // What is new has no bytes yet: that is not nothing.
  const size = (/** @type {import("./tally.js").Sum} */ sum) => (sum.hidden || (sum.bytes === 0 && sum.unpublished > 0) ? "–" : bytes(sum.bytes));
  const shown = (/** @type {import("./tally.js").Sum} */ sum) => (what === "bytes" ? size(sum) : n(sum[what]));
  return html`
    <p class="summary" role="status">${t("usage.summary", { count: all.lines, bytes: size(all), instances: instances.length })}</p>
    ${all.unpublished > 0 && !all.hidden && html`<p class="muted small">${t("usage.unpublished", { count: all.unpublished })}</p>`}
    ${told.truncated && html`<p class="warnings">${t("table.truncated")}</p>`}
    <${Days} days=${days} what=${what} />
    <div class="table" tabindex="0" role="region" aria-label=${t("usage.title")}>
      <table id="usage"><thead><tr><th scope="col">${t("column.instance")}</th><th scope="col" class="wide">${t("usage.byDay")}</th><th scope="col" class="number">${t("usage.lines")}</th><th scope="col" class="number">${t("usage.errors")}</th><th scope="col" class="number">${t("usage.bytes")}</th></tr></thead>
      <tbody>${instances.map((each) => {
        const query = clause("instance", each.instance);
        const most = Math.max(...each.days.map((day) => day[what]), 1);
        return html`<tr key=${`${each.module}/${each.instance}`}>
          <th scope="row"><a href=${link({ page: "explore", query: query ?? "", from: view.value.from, to: view.value.to })}>${visible(each.instance)}</a><span class="under-text muted">${visible(each.module)} · ${visible(each.partner)}</span></th>
          <td class="wide"><svg class="spark" viewBox=${`0 0 ${days.length * 8} 24`} preserveAspectRatio="none" role="img" aria-label=${each.days.map((day, at) => `${days[at].day}: ${shown(day)}`).join(", ")}>${each.days.map((day, at) => html`<rect class=${what === "errors" ? "fill-error" : "fill-info"} x=${at * 8} width="6.5" y=${24 - height(day[what], most)} height=${height(day[what], most)}><title>${days[at].day}: ${shown(day)}</title></rect>`)}</svg></td>
          <td class="number">${n(each.lines)}</td><td class="number">${n(each.errors)}</td><td class="number">${size(each)}</td>
        </tr>`;
      })}</tbody></table>
    </div>
  `;
}

/** Of 24; what is there is seen. @param {number} value @param {number} most */
function height(value, most) {
  return value > 0 ? Math.max((value / most) * 23, 1.5) : 0;
}
