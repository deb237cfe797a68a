// @ts-check
// The list of rows: 100,000 of them, of which only those near the screen are in the page. It scrolls with the page; more are asked for when its end comes near.

import { html, useComputed, useEffect, useLayoutEffect, useRef, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { parts, now, range } from "../lib/time.js";
import { held } from "../search/follow.js";
import { more } from "../search/run.js";
import { phase, summary } from "../search/state.js";
import { Columns } from "./columns.js";
import { current, heights, open, wanted } from "./cursor.js";
import { Layout } from "./layout.js";
import { RowView } from "./row.js";
import { rows } from "./store.js";

/** Rows above and below the screen that are there already. */
const AROUND = 8;
/** From so many rows before the end on, the next page is asked for. */
const AHEAD = 120;
/** Scrolled so far, the reader looks at something that must not move, px. */
const HELD_PX = 90;
const NARROW = matchMedia("(max-width: 760px)");
const ROW_PX = { wide: 26, narrow: 50 };

/** Rows as they were drawn last: what has not changed is not compared again. @type {Map<string, {props: Record<string, unknown>, drawing: unknown}>} */
const drawings = new Map();

/** @param {{entry: import("./store.js").Entry} & Record<string, unknown>} props */
function drawn(props) {
  const known = drawings.get(props.entry.id);
  if (known && Object.entries(props).every(([name, value]) => known.props[name] === value)) return known.drawing;
  const drawing = html`<${RowView} key=${props.entry.id} row=${rows.row(props.entry)} ...${props} />`;
  drawings.set(props.entry.id, { props, drawing });
  return drawing;
}

export function List() {
  const list = useRef(/** @type {HTMLOListElement | null} */ (null));
  const narrow = useSignal(NARROW.matches);
  const span = useSignal({ first: 0, last: 60 });
  const layout = useComputed(() => {
    void rows.version.value;
    const opens = [...open.value].map((id) => ({ index: rows.indexOf(id), extra: heights.value.get(id) ?? 240 })).filter(({ index }) => index >= 0);
    return new Layout(rows.count, narrow.value ? ROW_PX.narrow : ROW_PX.wide, opens.sort((a, b) => a.index - b.index));
  });

  useEffect(() => {
    const look = () => {
      const element = list.current;
      if (!element) return;
      const above = -element.getBoundingClientRect().top;
      const first = Math.max(layout.peek().at(above) - AROUND, 0);
      const last = Math.min(layout.peek().at(above + innerHeight) + AROUND, rows.count - 1);
      // In steps, so that most events of a scroll draw nothing.
      const next = { first: first - (first % 4), last: last + (4 - (last % 4)) };
      if (next.first !== span.peek().first || next.last !== span.peek().last) span.value = next;
      held.value = scrollY > HELD_PX || open.peek().size > 0;
      if (rows.count > 0 && last >= rows.count - AHEAD) void more();
    };
    const resize = () => ((narrow.value = NARROW.matches), look());
    const stops = [layout.subscribe(look), phase.subscribe(() => queueMicrotask(look))];
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", resize);
    return () => {
      stops.forEach((stop) => stop());
      removeEventListener("scroll", look);
      removeEventListener("resize", resize);
      held.value = false;
    };
  }, []);

  useLayoutEffect(() => {
    const want = wanted.value;
    const element = list.current;
    if (!want || !element) return;
    const index = rows.indexOf(want.id);
    if (index < 0) return;
    const top = element.getBoundingClientRect().top + layout.peek().top(index);
    // On a phone it is no bar that stays, and may be far above.
    const bar = Math.max(document.querySelector(".asking")?.getBoundingClientRect().bottom ?? 0, 0);
    if (top < bar + 30) scrollBy({ top: top - bar - 60 });
    else if (top > innerHeight - 80) scrollBy({ top: top - innerHeight / 2 });
    const head = document.getElementById(`line-${rows.byId.get(want.id)?.n}`)?.querySelector(".head");
    if (want.focus && head instanceof HTMLElement) head.focus({ preventScroll: true });
    // It is drawn when the list has moved there; until then it stays wanted.
    if (head || !want.focus) wanted.value = null;
  });

  const { columns } = view.value;
  const { first, last } = span.value;
  const dated = parts(range(view.value).from).date !== parts(now()).date;
  const size = summary.value?.cursor || view.value.follow ? -1 : rows.count;
  const shown = [];
  const focusable = rows.indexOf(current.value) >= first && rows.indexOf(current.value) <= last ? current.value : rows.at(first)?.id;
  for (let at = first; at <= Math.min(last, rows.count - 1); at++) {
    const entry = rows.at(at);
    if (!entry) continue;
    const props = { entry, top: layout.value.top(at), at, size, open: open.value.has(entry.id), twins: entry.twins?.length ?? 0, focusable: entry.id === focusable, columns };
    shown.push(drawn(props));
  }
  // Those that are out of sight are forgotten.
  if (drawings.size > 4 * shown.length + 100) drawings.clear();
  return html`
    <div class=${`lines${dated ? " dated" : ""}`} hidden=${rows.count === 0} data-columns=${columns.length}>
      <${Columns} columns=${columns} />
      <ol id="rows" class="rows" ref=${list} tabindex="-1" aria-label=${t("list.label")} style=${{ height: `${layout.value.height}px` }}>${shown}</ol>
    </div>
  `;
}
