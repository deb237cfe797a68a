// @ts-check
// An excerpt, as whoever has its link sees it: the lines, what they are of, and until when. The secret is taken from behind the `#` of the address and sent to nobody but the server.

import { html, useEffect, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { Failure, Note, Waiting } from "../app/notes.js";
import { Settings } from "../app/settings.js";
import { Refused, SignedOut } from "../lib/api.js";
import { coloured, visible } from "../lib/text.js";
import { full, now, parts, rowTime } from "../lib/time.js";
import { levelClass, shape } from "../rows/shape.js";
import { gapText } from "../search/found.js";
import { open } from "./excerpts.js";

export function ExcerptPage() {
  const { excerpt } = view.value;
  const secret = useSignal(location.hash.slice(1));
  const state = useSignal(/** @type {{opened?: import("./excerpts.js").Opened, error?: unknown}} */ ({}));
  const tries = useSignal(0);
  useEffect(() => {
    const changed = () => (secret.value = location.hash.slice(1));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => {
    const control = new AbortController();
    state.value = {};
    if (secret.value) open(excerpt, secret.value, control.signal).then((opened) => (state.value = { opened }), (error) => control.signal.aborted || (state.value = { error }));
    return () => control.abort();
  }, [excerpt, secret.value, tries.value]);
  const { opened, error } = state.value;
  return html`
    <header class="page-head"><img src="assets/icon.svg" alt="" width="22" height="22" /><h1>${t("excerpt.title")}</h1></header>
    ${!secret.value ? html`<${Note} title=${t("excerpt.cut")} advice=${t("excerpt.cutAdvice")} />` : error !== undefined ? html`<${Shut} error=${error} again=${() => tries.value++} />` : opened ? html`<${Lines} opened=${opened} />` : html`<${Waiting} />`}
    <footer class="excerpt-foot"><${Settings} /></footer>
  `;
}

/** Why it does not open: there is one answer for gone, revoked and never there. @param {{error: unknown, again: () => void}} props */
function Shut({ error, again }) {
  if (error instanceof SignedOut || (error instanceof Refused && error.status === 404)) return html`<${Note} title=${t("excerpt.gone")} advice=${t("excerpt.goneAdvice")} />`;
  return html`<${Failure} error=${error} again=${again} />`;
}

/** @param {{opened: import("./excerpts.js").Opened}} props */
function Lines({ opened }) {
  const { note, query, rows, erased, complete } = opened;
  const gaps = complete?.gaps ?? [];
  const dated = rows.some(({ time }) => parts(Date.parse(time)).date !== parts(now()).date);
  return html`
    ${note && html`<p class="excerpt-note">${visible(note)}</p>`}
    <p class="muted lead">${t("excerpt.lead", { made: full(Date.parse(opened.created_at)), until: full(Date.parse(opened.expires_at)) })}</p>
    <dl class="facts">
      ${query !== null && query !== undefined && html`<div><dt>${t("share.query")}</dt><dd>${query ? html`<code>${visible(query)}</code>` : t("share.everything")}</dd></div>`}
      <div><dt>${t("share.range")}</dt><dd>${full(Date.parse(opened.from))} – ${full(Date.parse(opened.to))}</dd></div>
      <div><dt>${t("excerpt.lines")}</dt><dd>${t("found.lines", { count: rows.length })}${erased > 0 && html` · <span class="bad">${t("excerpt.erased", { count: erased })}</span>`}</dd></div>
    </dl>
    ${gaps.length > 0 && html`<details class="warnings"><summary>${t("complete.missing", { count: gaps.length })}</summary><ul>${gaps.slice(0, 20).map((gap) => html`<li>${gapText(gap)}</li>`)}</ul></details>`}
    ${rows.length === 0 ? html`<${Note} title=${t("excerpt.empty")} advice=${t("excerpt.emptyAdvice")} />` : html`<ol class=${`story excerpt-lines${dated ? " dated" : ""}`} aria-label=${t("excerpt.lines")}>${rows.map((row) => html`<${Line} key=${row.id} row=${row} />`)}</ol>`}
  `;
}

/** @param {{row: import("../lib/api.js").Row}} props */
function Line({ row }) {
  const opened = useSignal(false);
  const level = levelClass(row.level);
  const { head, more } = shape(row);
  return html`
    <li class=${`step ${level}`}>
      <button type="button" class="head" aria-expanded=${String(opened.value)} onClick=${() => (opened.value = !opened.value)}>
        <time datetime=${row.time} title=${row.time}>${rowTime(row.time)}</time>
        <span class="level">${level === "none" ? "–" : level}</span>
        <span class="module">${visible(row.module ?? "")}${row.version && `@${visible(row.version)}`}</span>
        <span class="text"><bdi>${head}</bdi>${more > 0 && html`<span class="folded">${t("row.folded", { count: more })}</span>`}</span>
      </button>
      ${opened.value && html`<div class="detail"><pre class="whole" tabindex="0" aria-label=${t("row.message")}>${coloured(row.message ?? "")}</pre><pre class="whole" tabindex="0" aria-label=${t("row.stored")}>${coloured(JSON.stringify(row, null, 2))}</pre></div>`}
    </li>
  `;
}
