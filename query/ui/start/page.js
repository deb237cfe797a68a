// @ts-check
// "What happened?": one field that takes whatever a complaint brings along, and how every instance is doing.

import { html, useEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go } from "../app/address.js";
import { CHIPS } from "../lib/time.js";
import { visible } from "../lib/text.js";
import { detect } from "./detect.js";
import { Overview } from "./overview.js";

export function StartPage() {
  const text = useSignal("");
  const from = useSignal(/** @type {typeof CHIPS[number]} */ ("-24h"));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    // A phone would open its keyboard over the page.
    if (matchMedia("(hover: hover)").matches) field.current?.focus({ preventScroll: true });
  }, []);
  const readings = detect(text.value);
  const take = (/** @type {import("./detect.js").Reading | undefined} */ reading) => {
    if (!reading) return;
    if (reading.request) go({ page: "request", request: reading.request, from: from.value, to: "" });
    else go({ page: "explore", query: reading.query ?? "", from: from.value, to: "", follow: false, row: "", columns: [] });
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (readings.length > 0) take(readings[0]);
    else go({ page: "explore", query: "", from: from.value, to: "" });
  };
  return html`
    <section class="hero">
      <h1>${t("start.title")}</h1>
      <form id="ask" onSubmit=${submit} role="search">
        <label class="sr" for="what">${t("start.label")}</label>
        <div class="line"><input id="what" ref=${field} type="text" autocomplete="off" autocapitalize="off" spellcheck=${false} enterkeyhint="search" placeholder=${t("start.placeholder")} value=${text.value} onInput=${(/** @type {InputEvent} */ event) => (text.value = /** @type {HTMLInputElement} */ (event.target).value)} aria-describedby="readings" />
        <button class="primary" type="submit">${t("start.go")}</button></div>
        <div class="chips" role="group" aria-label=${t("when.range")}>${CHIPS.map((chip) => html`<button type="button" aria-pressed=${String(from.value === chip)} onClick=${() => (from.value = chip)}>${t(`when.${chip}`)}</button>`)}</div>
        <div id="readings" class="readings" aria-live="polite">
          ${readings.length === 0 ? html`<p class="muted">${t("start.hint")}</p>` : html`<ul>${readings.map((reading, at) => html`<li><button type="button" class=${at === 0 ? "first" : ""} onClick=${() => take(reading)}><b>${t(`reading.${reading.kind}`)}</b> <code>${visible(reading.query ?? reading.request ?? "")}</code></button></li>`)}</ul>`}
        </div>
      </form>
    </section>
    <${Overview} />
  `;
}
