// @ts-check
// The lines around one, in the same stream of the same container, by position; in place, below it.

import { html, signal, useEffect, useRef } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { missing, useAnswer } from "../app/load.js";
import { view } from "../app/address.js";
import { context } from "../lib/api.js";
import { open, toggleOpen } from "../rows/cursor.js";
import { levelClass, shape, timeTitle } from "../rows/shape.js";
import { rowTime } from "../lib/time.js";

const AROUND = 50;

/** Rows whose context is shown. @type {import("../lib/html.js").Signal<ReadonlySet<string>>} */
export const contexts = signal(new Set());

/** Shows the context of a row, or puts it away. @param {string} id */
export function toggleContext(id) {
  const next = new Set(contexts.peek());
  if (!next.delete(id)) next.add(id);
  contexts.value = next;
}

/** The same by a key, opening the row if need be. @param {string} id */
export function wantContext(id) {
  const isOpen = open.peek().has(id);
  if (isOpen || !contexts.peek().has(id)) toggleContext(id);
  if (!isOpen) toggleOpen(id);
}

/** Whether the query looks into the quarantine: its lines are asked for there. */
export function asksQuarantine() {
  return /(^|[\s(])in:quarantine\b/.test(view.peek().query);
}

/** @param {{row: import("../lib/api.js").Row}} props */
export function Context({ row }) {
  return contexts.value.has(row.id) ? html`<${Around} row=${row} />` : null;
}

/** @param {{row: import("../lib/api.js").Row}} props */
function Around({ row }) {
  const answer = useAnswer((abort) => context(row.id, AROUND, asksQuarantine(), abort), [row.id]);
  const here = useRef(/** @type {HTMLLIElement | null} */ (null));
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    if (box.current && here.current) box.current.scrollTop = here.current.offsetTop - box.current.clientHeight / 2;
  }, [answer.value]);
  const nothing = missing(answer, 8);
  if (nothing || !answer.value) return html`<div class="context">${nothing}</div>`;
  const { rows, at } = answer.value;
  return html`
    <div class="context" ref=${box} tabindex="0" role="region" aria-label=${t("context.label", { before: at, after: rows.length - at - 1 })}>
      <ol>${rows.map(
        (line, place) => html`
          <li ref=${place === at ? here : null} class=${`${levelClass(line.level)}${place === at ? " here" : ""}`} aria-current=${place === at ? "true" : null}>
            <time title=${timeTitle(line.time)}>${rowTime(line.time)}</time><span class="level">${line.level ?? "–"}</span><span class="text"><bdi>${shape(line).head}</bdi>${shape(line).more > 0 && html`<span class="folded">${t("row.folded", { count: shape(line).more })}</span>`}</span>
          </li>`,
      )}</ol>
    </div>
  `;
}
