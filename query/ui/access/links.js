// @ts-check
// The excerpts that were made: what they are of, how often each was opened and by whom, and their end.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { link } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { Failure, Note } from "../app/notes.js";
import { session } from "../app/session.js";
import { bytes } from "../share/bytes.js";
import { list, revoke } from "../share/excerpts.js";
import { visible } from "../lib/text.js";
import { full, now } from "../lib/time.js";
import { Confirm } from "./confirm.js";
import { audit } from "./registry.js";

/** Openings that are looked through for those of one. */
const OPENINGS_MAX = 1_000;

export function Links() {
  const answer = useAnswer(list, []);
  const wrong = useSignal(/** @type {unknown} */ (null));
  const end = async (/** @type {string} */ id) => {
    wrong.value = null;
    await revoke(id).then(answer.again, (error) => (wrong.value = error));
  };
  const found = answer.value ?? [];
  return html`
    <p class="muted lead">${t("links.lead")}</p>
    ${wrong.value !== null && html`<div class="dialog-note" role="alert"><${Failure} error=${wrong.value} again=${() => (wrong.value = null)} /></div>`}
    ${missing(answer) ?? (found.length === 0
      ? html`<${Note} title=${t("links.none")} advice=${t("links.noneAdvice")} actions=${[]}><p><a class="button" href=${link({ page: "explore", from: "-1h" })}>${t("bar.explore")}</a></p><//>`
      : html`<ul id="links" class="cards">${found.map((each) => html`<${Link} key=${each.id} each=${each} end=${() => end(each.id)} />`)}</ul>`)}
  `;
}

/** @param {{each: import("../share/excerpts.js").Excerpt, end: () => Promise<void>}} props */
function Link({ each, end }) {
  const open = useSignal(false);
  const { id, note, query, rows, opened, last_opened, expires_at, partner } = each;
  const over = Date.parse(expires_at) < now();
  const who = session.value?.kind === "staff" ? `${partner ?? t("bar.staff")} · ` : "";
  return html`
    <li class="panel-card">
      <div class="card-head"><b>${visible(note || id)}</b> <span class=${over ? "grade degraded" : "grade good"}>${over ? t("tokens.ended") : t("links.until", { time: full(Date.parse(expires_at)) })}</span></div>
      <p>${query === null || query === undefined ? html`<span class="muted">${t("audit.erased")}</span>` : query ? html`<code>${visible(query)}</code>` : t("share.everything")}</p>
      <p class="muted small">${visible(who)}${t("found.lines", { count: rows })} · ${bytes(each.bytes)} · ${full(Date.parse(each.created_at))} · ${t("links.opened", { count: opened })}${last_opened ? ` · ${t("links.last", { time: full(Date.parse(last_opened)) })}` : ""}</p>
      <p class="actions"><button type="button" disabled=${opened === 0} aria-expanded=${String(open.value)} onClick=${() => (open.value = !open.value)}>${t("links.who")}</button><${Confirm} label=${t("tokens.revoke")} about=${note || id} act=${end} /></p>
      ${open.value && html`<${Openings} id=${id} since=${each.created_at} />`}
    </li>
  `;
}

/** From where it was opened. @param {{id: string, since: string}} props */
function Openings({ id, since }) {
  const answer = useAnswer(async (signal) => (await audit({ action: "excerpt_opened", from: since, limit: OPENINGS_MAX }, signal)).records.filter(({ subject }) => subject === id), [id]);
  return missing(answer, 2) ?? html`<ul class="openings">${(answer.value ?? []).map(({ time, times, remote, outcome }) => html`<li><time datetime=${time}>${full(Date.parse(time))}</time> <code>${visible(remote ?? "")}</code>${times > 1 && html` <span class="muted">×${times}</span>`}${outcome !== "complete" && html` <span class="bad">${visible(outcome ?? "")}</span>`}</li>`)}</ul>`;
}
