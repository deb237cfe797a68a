// @ts-check
// Format problems: for each version of a module how much of what it prints is a record, what is wrong with the rest, and what its author changes.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { link, view } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { Note } from "../app/notes.js";
import { visible } from "../lib/text.js";
import { clause } from "../lib/query.js";
import { bounds } from "../search/run.js";
import { When } from "../search/when.js";
import { Check } from "./check.js";
import { Kind } from "./kind.js";
import { report } from "./report.js";

export function ProblemsPage() {
  const { from, to } = view.value;
  const answer = useAnswer((signal) => report({ ...bounds(view.peek()), query: "" }, signal), [from, to]);
  const list = answer.value ?? [];
  return html`
    <div class="page-head"><h1>${t("problems.title")}</h1></div>
    <p class="muted lead">${t("problems.lead")}</p>
    <${Check} />
    <div class="when"><${When} /></div>
    ${missing(answer, 10) ?? (list.length === 0 ? html`<${Note} title=${t("problems.noLines")} advice=${t("problems.noLinesAdvice")} />` : list.map((each) => html`<${Version} key=${`${each.module}@${each.version}`} each=${each} />`))}
  `;
}

/** @param {{each: import("./report.js").Report}} props */
function Version({ each }) {
  const { module, version, lines, counts, grade, kinds } = each;
  const only = [clause("module", module), version && clause("version", version)].filter(Boolean).join(" ");
  const share = (/** @type {number} */ count) => `${n(Math.round((count / Math.max(lines, 1)) * 1_000) / 10)} %`;
  return html`
    <section class="version-card">
      <h2><a href=${link({ page: "explore", query: only, from: view.value.from, to: view.value.to })}>${visible(module)}${version && `@${visible(version)}`}</a> <span class=${`grade ${grade}`}>${t(`grade.${grade}`)}</span> <span class="muted">${t("found.lines", { count: lines })}</span></h2>
      <div class="shares" role="img" aria-label=${t("problems.share", { ok: share(counts.ok), repaired: share(counts.repaired), raw: share(counts.raw + counts.rejected) })}>
        ${/** @type {const} */ (["ok", "repaired", "raw", "rejected"]).map((verdict) => counts[verdict] > 0 && html`<span class=${`share-${verdict}`} style=${{ flexGrow: counts[verdict] }}></span>`)}
      </div>
      <p class="muted small">${t("problems.share", { ok: share(counts.ok), repaired: share(counts.repaired), raw: share(counts.raw + counts.rejected) })}</p>
      ${kinds.length > 0 ? html`<ul class="kinds">${kinds.map((kind) => html`<${Kind} key=${kind.code} only=${only} kind=${kind} share=${share(kind.count)} />`)}</ul>` : html`<p class="good">${t("problems.none")}</p>`}
    </section>
  `;
}
