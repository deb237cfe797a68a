// @ts-check
// What stands in the place of lines: they are loading, there are none and why, or something went wrong.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go, link, view } from "../app/address.js";
import { Failure, Note, Skeleton } from "../app/notes.js";
import { range, rfc3339, toMs } from "../lib/time.js";
import { rows, ROWS_MAX } from "../rows/store.js";
import { again } from "./run.js";
import { failure, mistake, phase, summary, table } from "./state.js";
import { Why } from "./why.js";

export function Outcome() {
  void rows.version.value;
  if (failure.value !== null) return html`<${Failure} error=${failure.value} again=${again} />`;
  if (mistake.value) return null;
  if (phase.value === "searching") return rows.count === 0 && html`<${Skeleton} />`;
  if (phase.value === "more") return html`<p class="end" role="status">${t("list.loading")}</p>`;
  if (table.value) return table.value.rows.length === 0 && html`<${Nothing} />`;
  if (rows.count > 0) return html`<${End} />`;
  return phase.value === "done" && !view.value.follow && html`<${Nothing} />`;
}

/** Behind the last line. */
function End() {
  if (rows.full) return html`<p class="end">${t("list.full", { count: Math.min(rows.loaded, ROWS_MAX) })}</p>`;
  return phase.value === "done" && !summary.value?.cursor && html`<p class="end muted">${t("list.end")}</p>`;
}

/** Nothing was found. */
function Nothing() {
  const { query, from, to } = view.value;
  const actions = [];
  const wider = to === "" ? toMs(from) > toMs("-7d") + 60_000 : true;
  if (wider) {
    const week = to === "" ? { from: "-7d" } : { from: rfc3339(range(view.value).to - 604_800_000) };
    actions.push({ label: t("nothing.week"), act: () => go(week), primary: true });
  }
  if (query) actions.push({ label: t("nothing.all"), act: () => go({ query: "" }) });
  const why = summary.value?.why;
  return html`
    <${Note} title=${t("nothing.title")} advice=${why?.message ? "" : query ? t("nothing.query") : t("nothing.empty")} actions=${actions}>
      ${why && html`<${Why} why=${why} />`}
      <p><a href=${link({})}>${t("nothing.start")}</a></p>
    <//>
  `;
}
