// @ts-check
// Who asked what: by whom, when, how many lines came. A partner sees what its own tokens asked, and of what others asked that its lines were in the answer.

import { html, useEffect, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { Failure, Note } from "../app/notes.js";
import { visible } from "../lib/text.js";
import { full } from "../lib/time.js";
import { When } from "../search/when.js";
import { audit } from "./registry.js";

const ACTIONS = /** @type {const} */ (["search", "stats", "histogram", "fields", "values", "suggest", "context", "tail", "export", "excerpt_made", "excerpt_opened", "excerpt_revoked", "token_made", "token_revoked", "lost"]);
const PAGE = 100;

/** @param {{staff: boolean}} props */
export function Audit({ staff }) {
  const { from, to } = view.value;
  const action = useSignal("");
  const wanted = { from, ...(to ? { to } : {}), action: action.value, limit: PAGE };
  const answer = useAnswer((signal) => audit(wanted, signal), [from, to, action.value]);
  return html`
    <p class="muted lead">${t(staff ? "audit.leadStaff" : "audit.leadPartner")}</p>
    <div class="when"><${When} />
      <label class="inline">${t("audit.action")} <select id="audit-action" onChange=${(/** @type {Event} */ event) => (action.value = /** @type {HTMLSelectElement} */ (event.target).value)}><option value="">${t("audit.any")}</option>${ACTIONS.map((name) => html`<option value=${name} selected=${name === action.value}>${t(`action.${name}`)}</option>`)}</select></label>
    </div>
    ${missing(answer) ?? (answer.value && (answer.value.records.length === 0 ? html`<${Note} title=${t("audit.none")} advice=${t("audit.noneAdvice")} />` : html`<${Records} first=${answer.value} wanted=${wanted} />`))}
  `;
}

/** A page of records, and those that are asked for behind it. @param {{first: {records: import("./registry.js").Asking[], cursor: string | null}, wanted: {from: string, to?: string, action: string, limit: number}}} props */
function Records({ first, wanted }) {
  const state = useSignal({ records: first.records, cursor: first.cursor, busy: false, error: /** @type {unknown} */ (null) });
  useEffect(() => void (state.value = { records: first.records, cursor: first.cursor, busy: false, error: null }), [first]);
  const more = async () => {
    const before = state.peek();
    state.value = { ...before, busy: true, error: null };
    try {
      const page = await audit({ ...wanted, cursor: before.cursor ?? "" }, new AbortController().signal);
      state.value = { records: [...before.records, ...page.records], cursor: page.cursor, busy: false, error: null };
    } catch (error) {
      state.value = { ...before, busy: false, error };
    }
  };
  const { records, cursor, busy, error } = state.value;
  return html`
    <div class="table" tabindex="0" role="region" aria-label=${t("access.audit")}>
      <table id="audit"><thead><tr><th scope="col">${t("column.time")}</th><th scope="col">${t("audit.who")}</th><th scope="col">${t("audit.what")}</th><th scope="col" class="number">${t("audit.lines")}</th><th scope="col" class="wide">${t("audit.whose")}</th></tr></thead>
      <tbody>${records.map((record) => html`<${Line} key=${record.id} record=${record} />`)}</tbody></table>
    </div>
    ${error !== null && html`<${Failure} error=${error} again=${more} />`}
    ${cursor && html`<p class="end"><button id="audit-more" type="button" disabled=${busy} onClick=${more}>${t("audit.more")}</button></p>`}
  `;
}

/** @param {{record: import("./registry.js").Asking}} props */
function Line({ record }) {
  const { time, times, kind, token, partner, remote, action, query, query_erased, subject, note, rows, outcome, concerned } = record;
  const from = [note, token !== kind && token, partner, remote].filter(Boolean).join(" · ");
  const whose = concerned.map(({ partner, instance, rows }) => `${instance ?? partner} ${n(rows)}`);
  return html`
    <tr>
      <td class="time">${full(Date.parse(time))}${times > 1 && html` <span class="muted">×${n(times)}</span>`}</td>
      <td>${t(/** @type {import("../i18n/i18n.js").Key} */ (`kind.${kind}`)) || kind}<span class="under-text muted">${visible(from)}</span></td>
      <td>${t(/** @type {import("../i18n/i18n.js").Key} */ (`action.${action}`)) || action}${outcome && outcome !== "complete" && html` <span class="late">${visible(outcome)}</span>`}<span class="under-text">${query_erased ? html`<span class="muted">${t("audit.erased")}</span>` : query ? html`<code>${visible(query)}</code>` : ""}${subject && html` <code class="muted">${visible(subject)}</code>`}</span></td>
      <td class="number">${n(rows)}</td>
      <td class="wide muted">${visible(whose.slice(0, 4).join(", "))}${whose.length > 4 && ` ${t("table.groups", { count: whose.length - 4 })}`}</td>
    </tr>
  `;
}
