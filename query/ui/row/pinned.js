// @ts-check
// The line of a link that is not among the loaded ones: links outlive "the last hour", and a range may have more lines than the first page.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { note, view } from "../app/address.js";
import { useAnswer } from "../app/load.js";
import { context } from "../lib/api.js";
import { rowTime } from "../lib/time.js";
import { rows } from "../rows/store.js";
import { levelClass, shape } from "../rows/shape.js";
import { phase } from "../search/state.js";
import { asksQuarantine } from "./context.js";
import { Detail } from "./detail.js";

export function Pinned() {
  void rows.version.value;
  const { row } = view.value;
  return row !== "" && phase.value === "done" && !rows.byId.has(row) ? html`<${Fetched} key=${row} id=${row} />` : null;
}

/** @param {{id: string}} props */
function Fetched({ id }) {
  const answer = useAnswer((signal) => context(id, 0, asksQuarantine(), signal), [id]);
  const row = answer.value?.rows[answer.value.at];
  if (!row && answer.error === null) return null;
  return html`
    <section class="pinned" aria-label=${t("row.pinned")}>
      <p class="pinned-head"><b>${t("row.pinned")}</b> ${row && html`<time datetime=${row.time}>${rowTime(row.time)}</time> <span class=${levelClass(row.level)}><span class="level">${row.level ?? ""}</span></span> <bdi>${shape(row).head}</bdi>`}
        <span class="spring"></span><button type="button" class="quiet" aria-label=${t("dialog.close")} onClick=${() => note({ row: "" })}>✕</button></p>
      ${row ? html`<div class="detail"><${Detail} row=${row} /></div>` : html`<p class="muted">${t("row.gone")}</p>`}
    </section>
  `;
}
