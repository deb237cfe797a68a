// @ts-check
// What was found: how many lines, how complete that is, and what the server noted on the way the query was read.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { dialog } from "../app/dialogs.js";
import { sentence, visible } from "../lib/text.js";
import { full, roughly, short } from "../lib/time.js";
import { rows } from "../rows/store.js";
import { complete, failure, histogram, phase, slow, summary, table, warnings } from "./state.js";

/** Below this, being behind is the way of things: batches close, collectors report. */
const BEHIND_SHOWN_S = 5;
const GAPS_SHOWN_MAX = 50;

export function Found() {
  return html`<div class="found"><p id="status" role="status" aria-live=${view.value.follow ? "off" : "polite"}>${words()}</p><${Completeness} /><${Ways} /></div>`;
}

/** The ways by which lines leave the page. */
function Ways() {
  return html`<span class="ways"><button id="export-button" type="button" class="quiet" onClick=${() => (dialog.value = "export")}>${t("export.title")}</button><button id="share-button" type="button" class="quiet" onClick=${() => (dialog.value = "share")}>${t("share.title")}</button></span>`;
}

function words() {
  void rows.version.value;
  const count = rows.loaded;
  switch (phase.value) {
    case "idle":
      return "";
    case "searching":
      return slow.value ? t("found.slow") : t("found.searching");
    case "cancelled":
      return count > 0 ? t("found.cancelledAt", { count }) : t("found.cancelled");
    case "failed":
      return failure.value !== null && count > 0 ? t("found.notAll", { count }) : "";
  }
  if (table.value) return t("found.rows", { count: table.value.rows.length });
  const said = summary.value;
  const total = histogram.value?.data.total ?? 0;
  if (!said?.cursor || view.value.follow) return t("found.lines", { count });
  return total > count ? t("found.newestOf", { count, total }) : t("found.more", { count });
}

export function Completeness() {
  const said = complete.value;
  if (!said || (phase.value !== "done" && phase.value !== "more")) return null;
  const gaps = said.gaps ?? [];
  const total = said.gaps_total ?? gaps.length;
  const until = said.until ? Date.parse(said.until) : NaN;
  const behind = said.behind_seconds ?? 0;
  return html`
    <span id="complete">
      ${gaps.length > 0 && html`
        <details class="badge bad">
          <summary>${t("complete.missing", { count: total })}</summary>
          <ul>${gaps.slice(0, GAPS_SHOWN_MAX).map((gap) => html`<li>${gapText(gap)}</li>`)}${total > GAPS_SHOWN_MAX && html`<li>${t("complete.others", { count: total - GAPS_SHOWN_MAX })}</li>`}</ul>
        </details>`}
      ${behind >= BEHIND_SHOWN_S
        ? html`<span class="badge late" title=${Number.isNaN(until) ? "" : t("complete.until", { time: full(until) })}>${t("complete.behind", { time: roughly(behind * 1_000) })}</span>`
        : !Number.isNaN(until)
          ? html`<span class=${gaps.length > 0 ? "badge" : "badge good"} title=${t("complete.meaning")}>${t("complete.until", { time: short(until) })}</span>`
          : gaps.length === 0 && html`<span class="badge" title=${t("complete.unknownMeaning")}>${t("complete.unknown")}</span>`}
    </span>
  `;
}

/** @param {Record<string, unknown>} gap */
export function gapText(gap) {
  const where = [gap.instance, gap.pod, gap.container].filter(Boolean).join(" · ");
  const reason = String(gap.reason ?? "").replaceAll("_", " ");
  const bytes = typeof gap.bytes === "number" ? t("complete.bytes", { count: gap.bytes }) : "";
  const when = typeof gap.time === "string" ? short(Date.parse(gap.time)) : "";
  return visible([where, reason, bytes, when].filter(Boolean).join(" · "));
}

export function Warnings() {
  const notes = warnings.value;
  if (notes.length === 0) return null;
  return html`<ul id="warnings" class="warnings">${notes.map((warning) => html`<li>${warningText(warning)}</li>`)}</ul>`;
}

/** What a warning says, whatever its form. @param {string | Record<string, unknown>} warning */
function warningText(warning) {
  if (typeof warning === "string") return sentence(warning);
  if (warning.gap && typeof warning.gap === "object") return `${t("complete.missing", { count: 1 })}: ${gapText(/** @type {Record<string, unknown>} */ (warning.gap))}`;
  const said = warning.detail ?? warning.message ?? warning.text ?? JSON.stringify(warning);
  return sentence([said, warning.hint].filter((part) => typeof part === "string" && part).join(". "));
}
