// @ts-check
// The export: what goes into the file, how far it is, and what proves that it is whole.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { Failure } from "../app/notes.js";
import { said } from "../app/toast.js";
import { copy, sentence, visible } from "../lib/text.js";
import { full, range, rfc3339 } from "../lib/time.js";
import { histogram } from "../search/state.js";
import { bytes } from "./bytes.js";
import { cancelExport, exporting, forget, save, takeExport } from "./take.js";

const FORMATS = /** @type {const} */ (["ndjson", "csv", "text"]);

export function Export() {
  const now = exporting.value;
  if (now?.phase === "running") return html`<${Running} now=${now} />`;
  if (now?.phase === "done") return html`<${Done} now=${now} />`;
  return html`
    ${now?.phase === "cancelled" && html`<p class="warnings" role="status">${t("export.cancelled", { bytes: bytes(now.bytes) })}</p>`}
    ${now?.phase === "failed" && html`<${Failed} error=${now.error} again=${() => takeExport(now.wanted)} />`}
    <${Choose} />
  `;
}

/** What is asked for: as the page shows it, with its range held still. */
function Choose() {
  const format = useSignal(/** @type {typeof FORMATS[number]} */ ("ndjson"));
  const order = useSignal(/** @type {"newest" | "oldest"} */ ("newest"));
  const { query } = view.value;
  const { from, to } = range(view.value);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    takeExport({ query, from: rfc3339(from), to: rfc3339(to), format: format.value, order: order.value });
  };
  return html`
    <form class="export-form" onSubmit=${submit}>
      <p class="muted">${t("export.lead")}</p>
      <${What} query=${query} from=${from} to=${to} />
      <fieldset class="choices"><legend>${t("export.format")}</legend>
        ${FORMATS.map((name) => html`<label><input type="radio" name="format" value=${name} checked=${format.value === name} onChange=${() => (format.value = name)} /><span><b>${t(`export.${name}`)}</b> <span class="muted">${t(`export.${name}About`)}</span></span></label>`)}
      </fieldset>
      <label class="pick">${t("export.order")}
        <select id="export-order" value=${order.value} onChange=${(/** @type {Event} */ event) => (order.value = /** @type {"newest"} */ (/** @type {HTMLSelectElement} */ (event.target).value))}>
          <option value="newest">${t("order.newest")}</option><option value="oldest">${t("order.oldest")}</option>
        </select>
      </label>
      <p class="actions"><button id="export-go" class="primary" type="submit">${t("export.go")}</button></p>
    </form>
  `;
}

/** The question and its range. @param {{query: string, from: number, to: number}} props */
export function What({ query, from, to }) {
  return html`<dl class="facts"><div><dt>${t("share.query")}</dt><dd>${query ? html`<code>${visible(query)}</code>` : t("share.everything")}</dd></div><div><dt>${t("share.range")}</dt><dd>${full(from)} – ${full(to)}</dd></div></dl>`;
}

/** @param {{now: Extract<import("./take.js").Exporting, {phase: "running"}>}} props */
function Running({ now }) {
  const { wanted, lines } = now;
  // The histogram of the page knows how many lines there are, if it is of the same question.
  const total = wanted.query === view.value.query ? histogram.value?.data.total ?? 0 : 0;
  const seconds = Math.max((Date.now() - now.beganMs) / 1_000, 0.001);
  return html`
    <${What} query=${wanted.query} from=${Date.parse(wanted.from)} to=${Date.parse(wanted.to)} />
    <progress id="export-progress" aria-label=${t("export.progress")} max=${total || null} value=${total ? Math.min(lines, total) : null}></progress>
    <p class="figures" role="status">${t("export.sofar", { count: lines, bytes: bytes(now.bytes), rate: bytes(now.bytes / seconds) })}</p>
    <p class="muted small">${t("export.background")}</p>
    <p class="actions"><button id="export-cancel" type="button" onClick=${cancelExport}>${t("search.cancel")}</button></p>
  `;
}

/** @param {{now: Extract<import("./take.js").Exporting, {phase: "done"}>}} props */
function Done({ now: { manifest, proven, name } }) {
  const take = async () => said((await copy(manifest.sha256)) ? "toast.copied" : "toast.noCopy");
  const gaps = manifest.complete?.gaps_total ?? manifest.complete?.gaps?.length ?? 0;
  const until = manifest.complete?.until ? Date.parse(manifest.complete.until) : NaN;
  return html`
    <p class="good" role="status">${t("export.done", { count: manifest.rows, name })}</p>
    <${What} query=${manifest.query} from=${Date.parse(manifest.from)} to=${Date.parse(manifest.to)} />
    <dl class="facts">
      <div><dt>${t("export.size")}</dt><dd>${t("found.lines", { count: manifest.rows })} · ${bytes(manifest.bytes)}</dd></div>
      <div><dt>SHA-256</dt><dd><code id="export-hash">${manifest.sha256}</code><span class="muted">${t(proven === "hash" ? "export.proven" : "export.counted")}</span></dd></div>
      <div><dt>${t("export.complete")}</dt><dd>${gaps > 0 ? t("complete.missing", { count: gaps }) : Number.isNaN(until) ? t("complete.unknown") : t("complete.until", { time: full(until) })}</dd></div>
    </dl>
    <p class="muted small">${t(manifest.format === "ndjson" ? "export.inFile" : "export.beside")}</p>
    <p class="actions">
      <button type="button" onClick=${take}>${t("export.copyHash")}</button>
      <button id="export-manifest" type="button" onClick=${() => save(new Blob([JSON.stringify({ manifest }, null, 2), "\n"], { type: "application/json" }), `${name}.manifest.json`)}>${t("export.manifest")}</button>
      <button id="export-again" type="button" onClick=${forget}>${t("export.another")}</button>
    </p>
  `;
}

/** What went wrong; a mistake in the query says how to mend it. @param {{error: any, again: () => void}} props */
function Failed({ error, again }) {
  const { hint, fix } = error?.problem ?? {};
  return html`<div class="dialog-note" role="alert"><${Failure} error=${error} again=${again} />${hint && html`<p class="muted">${sentence(hint)}</p>`}${fix !== undefined && html`<p><code>${visible(fix)}</code></p>`}<p class="muted">${t("export.nothingSaved")}</p></div>`;
}
