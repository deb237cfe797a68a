// @ts-check
// One row: time · level · module@version · instance · chosen fields · message. Closed it is one line; opened, everything that is known of it stands below.

import { html, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { visible } from "../lib/text.js";
import { rowTime } from "../lib/time.js";
import { Detail } from "../row/detail.js";
import { valueAt } from "../row/fields.js";
import { current, measured, toggleOpen } from "./cursor.js";
import { rows } from "./store.js";
import { code, levelClass, shape } from "./shape.js";

/** @param {{entry: import("./store.js").Entry, row: import("../lib/api.js").Row, top: number, at: number, size: number, open: boolean, twins: number, focusable: boolean, columns: string[]}} props */
export function RowView({ entry, row, top, at, size, open, twins, focusable, columns }) {
  const level = levelClass(row.level);
  const { head, more } = shape(row);
  const module = `${row.module ?? ""}${row.version ? `@${row.version}` : ""}`;
  const toggle = () => {
    // Whoever selects text to copy does not mean to open the row.
    if (getSelection()?.isCollapsed ?? true) toggleOpen(entry.id);
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    toggleOpen(entry.id);
  };
  return html`
    <li id=${`line-${entry.n}`} class=${`row ${level}${open ? " open" : ""}`} style=${{ transform: `translateY(${top}px)` }} aria-posinset=${at + 1} aria-setsize=${size}>
      <div class="head" role="button" tabindex=${focusable ? 0 : -1} aria-expanded=${String(open)} onClick=${toggle} onKeyDown=${key} onFocus=${() => (current.value = entry.id)}>
        <time datetime=${row.time}>${rowTime(row.time)}</time>
        <span class="level">${level === "none" ? "–" : level}</span>
        <span class="module" title=${module}>${visible(row.module ?? "")}${row.version && html`<span class="version">@${visible(row.version)}</span>`}</span>
        <span class="instance" title=${row.instance ?? ""}>${visible(row.instance ?? "")}</span>
        ${columns.map((name) => html`<span class="own">${visible(valueAt(row, name))}</span>`)}
        <span class="text">${row.verdict && row.verdict !== "ok" && html`<span class="verdict" title=${(row.problems ?? []).map(code).join(", ") || row.verdict}>${row.verdict}</span>`}<bdi>${head}</bdi>${twins > 0 && html`<span class="folded" title=${t("row.same", { count: twins + 1 })}>×${twins + 1}</span>`}${more > 0 && html`<span class="folded">${t("row.folded", { count: more })}</span>`}</span>
      </div>
      ${open && html`<${Opened} entry=${entry} twins=${twins} />`}
    </li>
  `;
}

/** The opened part, which tells the list how high it is; of folded rows one is shown. @param {{entry: import("./store.js").Entry, twins: number}} props */
function Opened({ entry, twins }) {
  const { id } = entry;
  const [chosen, setChosen] = useState(0);
  const row = rows.row(chosen === 0 ? entry : entry.twins?.[chosen - 1] ?? entry);
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(() => measured(id, Math.ceil(element.getBoundingClientRect().height)));
    observer.observe(element);
    return () => observer.disconnect();
  }, [id]);
  return html`<div class="detail" ref=${place}>${twins > 0 && html`<${Twins} entry=${entry} count=${twins} chosen=${chosen} choose=${setChosen} />`}<${Detail} key=${row.id} row=${row} /></div>`;
}

/** Twins that are offered by their times. */
const TWINS_SHOWN = 40;

/** The rows that are folded here, by their times. @param {{entry: import("./store.js").Entry, count: number, chosen: number, choose: (at: number) => void}} props */
function Twins({ entry, count, chosen, choose }) {
  const all = [entry, ...(entry.twins ?? []).slice(0, TWINS_SHOWN - 1)];
  return html`
    <p class="twins" role="group" aria-label=${t("row.same", { count: count + 1 })}>
      <span class="muted">${t("row.same", { count: count + 1 })}</span>
      ${all.map((each, at) => html`<button type="button" class="quiet" aria-pressed=${String(at === chosen)} onClick=${() => choose(at)}>${rowTime(rows.row(each).time)}</button>`)}
      ${count + 1 > TWINS_SHOWN && html`<span class="muted">${t("table.groups", { count: count + 1 - TWINS_SHOWN })}</span>`}
    </p>
  `;
}
