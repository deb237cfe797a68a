// @ts-check
// How every instance in reach is doing: lines of the last hour, errors against the usual, the newest line, and what did not conform. What needs attention is on top.

import { html, useEffect, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { missing, useAnswer } from "../app/load.js";
import { link } from "../app/address.js";
import { Note } from "../app/notes.js";
import { visible } from "../lib/text.js";
import { now, roughly } from "../lib/time.js";
import { health, newestOf, PIECES } from "./health.js";

const SHOWN = 24;
/** An instance that said something within the hour and then nothing for so long is worth a look, ms. */
const SILENT_MS = 15 * 60_000;

export function Overview() {
  const all = useSignal(false);
  const answer = useAnswer(health, []);
  const nothing = missing(answer, 8);
  const list = answer.value ?? [];
  const shown = all.value ? list : list.slice(0, SHOWN);
  return html`
    <section class="overview">
      <h2>${t("overview.title")} <span class="muted">${t("overview.range")}</span></h2>
      ${nothing ?? (list.length === 0
        ? html`<${Note} title=${t("overview.none")} advice=${t("overview.noneAdvice")} />`
        : html`
          <div class="table" tabindex="0" role="region" aria-label=${t("overview.title")}>
            <table class="instances">
              <thead><tr><th scope="col">${t("column.instance")}</th><th scope="col" class="wide chart-column">${t("overview.hour")}</th><th scope="col" class="number wide">${t("overview.lines")}</th><th scope="col" class="number">${t("overview.errors")}</th><th scope="col" class="number wide">${t("overview.format")}</th><th scope="col" class="number">${t("overview.newest")}</th></tr></thead>
              <tbody>${shown.map((each) => html`<${Instance} key=${each.instance} each=${each} />`)}</tbody>
            </table>
          </div>
          ${list.length > SHOWN && !all.value && html`<p class="end"><button type="button" onClick=${() => (all.value = true)}>${t("overview.all", { count: list.length })}</button></p>`}`)}
    </section>
  `;
}

/** @param {{each: import("./health.js").Health}} props */
function Instance({ each }) {
  const newest = useSignal(/** @type {number | null | undefined} */ (undefined));
  useEffect(() => {
    const control = new AbortController();
    newestOf(each.instance, control.signal).then((ms) => (newest.value = ms), () => {});
    return () => control.abort();
  }, []);
  const only = `instance:${each.instance}`;
  const age = newest.value === undefined || newest.value === null ? NaN : Math.max(now() - newest.value, 0);
  return html`
    <tr>
      <th scope="row"><a href=${link({ page: "explore", query: only, from: "-1h" })}>${visible(each.instance)}</a><span class="muted">${visible(each.module)}${each.csp && html` · ${t("overview.csp", { csp: visible(each.csp) })}`}</span></th>
      <td class="wide"><${Spark} each=${each} /></td>
      <td class="number wide">${n(each.lines)}</td>
      <td class=${`number${each.alarming ? " bad" : ""}`}>${each.errors > 0 ? html`<a href=${link({ page: "explore", query: `${only} level>=error`, from: "-1h" })}>${n(each.errors)}</a>` : "0"} <span class="muted small">${t("overview.usual", { count: each.usual < 10 ? Number(each.usual.toFixed(1)) : Math.round(each.usual) })}</span></td>
      <td class=${`number wide${each.poor > 0.03 ? " late" : ""}`}>${each.poor > 0 ? html`<a href=${link({ page: "problems" })}>${n(Math.max(Math.round(each.poor * 1_000) / 10, 0.1))} %</a>` : html`<span class="muted">–</span>`}</td>
      <td class=${`number${age > SILENT_MS ? " late" : ""}`}>${newest.value === null ? html`<span class="muted">–</span>` : Number.isNaN(age) ? "" : roughly(age)}</td>
    </tr>
  `;
}

/** Lines of the last hour as bars, errors in them red. @param {{each: import("./health.js").Health}} props */
function Spark({ each }) {
  const max = Math.max(...each.pieces.map(({ lines }) => lines), 1);
  return html`
    <svg class="spark" viewBox=${`0 0 ${PIECES * 8} 24`} preserveAspectRatio="none" aria-hidden="true">
      ${each.pieces.map(({ lines, errors }, at) => {
        const height = lines > 0 ? Math.max((lines / max) * 23, 1.5) : 0;
        const red = errors > 0 ? Math.max((errors / max) * 23, 2.5) : 0;
        return html`<rect class="fill-info" x=${at * 8} width="6.5" y=${24 - height} height=${height} /><rect class="fill-error" x=${at * 8} width="6.5" y=${24 - red} height=${red} />`;
      })}
    </svg>
  `;
}
