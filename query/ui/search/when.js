// @ts-check
// The time picker: ranges one click away, and behind the button free text, a calendar, the zone, and steps back and forth.

import { html, useEffect, useRef, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go, view } from "../app/address.js";
import * as time from "../lib/time.js";
import { parseWhen, shifted, widened } from "../lib/when.js";

export function When() {
  const now = view.value;
  const [open, setOpen] = useState(false);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const custom = now.to !== "" || !time.CHIPS.some((chip) => chip === now.from);
  const range = time.range(now);
  useEffect(() => {
    if (!open) return;
    const away = (/** @type {Event} */ event) => place.current?.contains(/** @type {Node} */ (event.target)) || setOpen(false);
    document.addEventListener("pointerdown", away);
    return () => document.removeEventListener("pointerdown", away);
  }, [open]);
  const set = (/** @type {{from: string, to: string}} */ chosen) => {
    setOpen(false);
    go({ ...chosen, follow: now.follow && chosen.to === "" });
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !open) return;
    event.stopPropagation();
    setOpen(false);
    document.getElementById("when-button")?.focus();
  };
  return html`
    <div class="chips" role="group" aria-label=${t("when.range")}>
      ${time.CHIPS.map((from) => html`<button type="button" value=${from} aria-pressed=${String(!custom && now.from === from)} title=${t(`when.${from}`)} onClick=${() => set({ from, to: "" })}>${from.slice(1)}</button>`)}
    </div>
    <div class="picker" ref=${place} onKeyDown=${key}>
      <button id="when-button" type="button" aria-expanded=${String(open)} aria-controls="when-panel" class=${custom ? "chosen" : ""} onClick=${() => setOpen(!open)} title=${t("when.choose")}>${custom ? words(now, range) : t("when.custom")}</button>
      ${open && html`<${Panel} range=${range} set=${set} />`}
    </div>
    <div class="steps" role="group" aria-label=${t("when.move")}>
      <button type="button" class="quiet" aria-label=${t("key.earlier")} title=${`${t("key.earlier")} ([)`} onClick=${() => set(shifted(range, -1))}>‹</button>
      <button type="button" class="quiet" aria-label=${t("key.later")} title=${`${t("key.later")} (])`} onClick=${() => set(shifted(range, 1))}>›</button>
      <button type="button" class="quiet" aria-label=${t("key.wider")} title=${`${t("key.wider")} (z)`} onClick=${() => set(widened(range))}>−</button>
    </div>
  `;
}

/** The range as a person reads it. @param {{from: string, to: string}} view @param {{from: number, to: number}} range */
function words(view, { from, to }) {
  if (!view.to && view.from.startsWith("-")) return t("when.last", { range: view.from.slice(1) });
  const [a, b] = [time.full(from), view.to ? time.full(to) : t("when.now")];
  return a.slice(0, 10) === b.slice(0, 10) ? `${a} – ${b.slice(11)}` : `${a} – ${b}`;
}

/** @param {{range: {from: number, to: number}, set: (chosen: {from: string, to: string}) => void}} props */
function Panel({ range, set }) {
  const [wrong, setWrong] = useState("");
  const [text, setText] = useState("");
  const free = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => free.current?.focus(), []);
  const read = text.trim() ? parseWhen(text) : null;
  const apply = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (read) set(read);
    else setWrong(t("when.unreadable"));
  };
  const calendar = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [from, to] = [time.fromInput(String(data.get("from"))), time.fromInput(String(data.get("to")))];
    if (from && to && from < to) set({ from, to });
    else setWrong(t("when.backwards"));
  };
  const other = time.zone.value === "utc" ? "local" : "utc";
  return html`
    <div id="when-panel" class="panel">
      <form onSubmit=${apply}>
        <label for="when-text">${t("when.text")}</label>
        <div class="line"><input id="when-text" ref=${free} type="text" autocomplete="off" placeholder=${t("when.example")} value=${text} onInput=${(/** @type {InputEvent} */ event) => (setText(/** @type {HTMLInputElement} */ (event.target).value), setWrong(""))} aria-describedby="when-read" /><button class="primary" type="submit">${t("when.apply")}</button></div>
        <p id="when-read" class=${wrong ? "error" : "muted"} role="status">${wrong || (read ? words(read, time.range(read)) : t("when.hint"))}</p>
      </form>
      <form onSubmit=${calendar} class="calendar">
        <label>${t("when.from")}<input name="from" type="datetime-local" step="1" required defaultValue=${time.toInput(range.from)} key=${`f${other}`} /></label>
        <label>${t("when.to")}<input name="to" type="datetime-local" step="1" required defaultValue=${time.toInput(range.to)} key=${`t${other}`} /></label>
        <button type="submit">${t("when.apply")}</button>
      </form>
      <p class="zone"><span class="muted">${t("when.zone")}</span> <b>${time.zone.value === "utc" ? "UTC" : t("zone.local")}</b>
        <button type="button" class="quiet" onClick=${() => time.setZone(/** @type {"utc" | "local"} */ (other))}>${other === "utc" ? t("when.toUtc") : t("when.toLocal")}</button></p>
    </div>
  `;
}
