// @ts-check
// "Test my line": what would become of a line, told by the validator that the collectors use. Nothing of it is kept.

import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { Failure } from "../app/notes.js";
import { ended } from "../app/session.js";
import { send, SignedOut } from "../lib/api.js";
import { visible } from "../lib/text.js";
import { full } from "../lib/time.js";
import { fixOf } from "../row/format.js";
import { Fix } from "./fix.js";
import { marked } from "./marks.js";

/**
 * @typedef {{code: string, fix: string, spans: {utf16: [number, number], bytes: [number, number]}[]}} Problem
 * @typedef {{line: number, lines: number, verdict: "ok" | "repaired" | "raw" | "rejected", problems: Problem[], redactions: Record<string, number>, kept: {time: string, level: string | null, message: string, attributes: Record<string, unknown> | null}}} Checked
 * @typedef {{records: Checked[], verdicts: {ok: number, repaired: number, raw: number, rejected: number}, more: number}} Answer
 */

/** After the last key it is asked, ms. */
const QUIET_MS = 250;
/** What may be pasted, characters: more than one line of the greatest length. */
const TEXT_MAX = 300_000;
const EXAMPLE = '{"time": "2026-11-22 10:12:50", "level": "eror", "msg": "login of 380501234567", "password": "hunter2"}';

export function Check() {
  const text = useSignal("");
  const state = useSignal(/** @type {{of: string, answer?: Answer, error?: unknown}} */ ({ of: "" }));
  const tries = useSignal(0);
  useEffect(() => {
    const asked = text.value;
    if (asked.trim() === "") return void (state.value = { of: "" });
    const control = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const answer = await (await send("POST", "check", { text: asked }, control.signal)).json();
        if (!control.signal.aborted) state.value = { of: asked, answer };
      } catch (error) {
        if (control.signal.aborted) return;
        if (error instanceof SignedOut) ended();
        else state.value = { of: asked, error };
      }
    }, QUIET_MS);
    return () => (clearTimeout(timer), control.abort());
  }, [text.value, tries.value]);
  const { of, answer, error } = state.value;
  return html`
    <section id="check" class="panel-card check" aria-labelledby="check-title">
      <h2 id="check-title">${t("check.title")}</h2>
      <p class="muted">${t("check.lead")}</p>
      <textarea id="check-text" rows="4" maxlength=${TEXT_MAX} spellcheck=${false} autocomplete="off" wrap="soft" aria-label=${t("check.label")} placeholder=${EXAMPLE} value=${text.value} onInput=${(/** @type {InputEvent} */ event) => (text.value = /** @type {HTMLTextAreaElement} */ (event.target).value)}></textarea>
      ${text.value === "" && html`<p class="actions"><button type="button" id="check-example" onClick=${() => (text.value = EXAMPLE)}>${t("check.example")}</button></p>`}
      <div aria-live="polite">
        ${error !== undefined && html`<${Failure} error=${error} again=${() => tries.value++} />`}
        ${answer && html`<${Told} text=${of} answer=${answer} />`}
      </div>
    </section>
  `;
}

/** @param {{text: string, answer: Answer}} props */
function Told({ text, answer: { records, verdicts, more } }) {
  const count = records.length + more;
  if (count === 0) return html`<p class="muted">${t("check.empty")}</p>`;
  return html`
    ${count > 1 && html`<p class="summary">${t("check.summary", { count, ok: n(verdicts.ok), repaired: n(verdicts.repaired), raw: n(verdicts.raw + verdicts.rejected) })}</p>`}
    <ol class="checked">${records.map((record) => html`<${One} key=${record.line} text=${text} record=${record} />`)}</ol>
    ${more > 0 && html`<p class="muted">${t("check.more", { count: more })}</p>`}
  `;
}

const GRADES = { ok: "good", repaired: "degraded", raw: "poor", rejected: "poor" };

/** @param {{text: string, record: Checked}} props */
function One({ text, record }) {
  const { verdict, problems, redactions, kept } = record;
  const removed = Object.entries(redactions).map(([kind, count]) => (count === 1 ? kind : `${kind} ×${count}`)).join(", ");
  const record_ = { time: kept.time, level: kept.level, message: kept.message, ...(kept.attributes ? { attributes: kept.attributes } : {}) };
  return html`
    <li>
      <p><span class=${`grade ${GRADES[verdict]}`}>${t(`check.${verdict}`)}</span> <span class="muted">${t("check.line", { line: record.line })}</span></p>
      <${Marked} text=${text} record=${record} />
      ${problems.length > 0 && html`<ul class="kinds">${problems.map((problem, at) => html`<li key=${problem.code}><div class="kind"><span class=${`mark-key mark-${at % 6}`} aria-hidden="true"></span><code>${problem.code}</code></div><p>${fixOf(problem.code) || problem.fix}</p><details><summary>${t("check.how")}</summary><${Fix} problem=${problem.code} /></details></li>`)}</ul>`}
      ${removed && html`<p><b>${t("format.removed")}:</b> ${removed}</p>`}
      <h3>${t("check.kept")}</h3>
      <p class="muted small">${full(Date.parse(kept.time))}</p>
      <pre class="whole" tabindex="0" aria-label=${t("check.kept")}>${visible(JSON.stringify(record_, null, 2))}</pre>
    </li>
  `;
}

/** The text of a record with the places of its problems. @param {{text: string, record: Checked}} props */
function Marked({ text, record }) {
  const place = useRef(/** @type {HTMLPreElement | null} */ (null));
  const pieces = marked(text, record);
  return html`<pre class="marked" tabindex="0" ref=${place} aria-label=${t("check.label")}>${pieces.map(({ piece, at, codes }) => (at < 0 ? visible(piece) : html`<mark class=${`mark-${at % 6}`} title=${codes.join(", ")}>${piece === "" ? "␣" : visible(piece)}</mark>`))}</pre>`;
}
