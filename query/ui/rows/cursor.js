// @ts-check
// Which row is the current one and which are open. The keys move here; the list follows.

import { note, view } from "../app/address.js";
import { said } from "../app/toast.js";
import { effect, signal, untracked } from "../lib/html.js";
import { more } from "../search/run.js";
import { rows } from "./store.js";

const ERRORS = ["error", "fatal"];
/** Pages that are loaded in search of an error, at most. */
const PAGES_MAX = 20;

/** The id of the current row; empty where there is none. */
export const current = signal("");
/** The ids of open rows. @type {import("../lib/html.js").Signal<ReadonlySet<string>>} */
export const open = signal(new Set());
/** Extra heights of open rows, px, as they were measured. */
export const heights = signal(/** @type {ReadonlyMap<string, number>} */ (new Map()));
/** A row that is to be scrolled to, and whether it takes the focus. */
export const wanted = signal(/** @type {{id: string, focus: boolean} | null} */ (null));

/** The row of the address that was opened. */
let shown = "";

effect(() => {
  void rows.version.value;
  const asked = view.value.row;
  untracked(() => settle(asked));
});

/** @param {string} asked the row of the address */
function settle(asked) {
  if (rows.count === 0) {
    [current.value, open.value, heights.value, shown] = ["", new Set(), new Map(), ""];
    return;
  }
  const entry = rows.byId.get(asked);
  if (!entry || asked === shown) return;
  // A link to a line opens it, once; one that is folded, the line that it is folded into.
  shown = asked;
  open.value = new Set([...open.peek(), entry.id]);
  moveTo(entry.id, false);
}

/** @param {string} id @param {boolean} [focus] */
export function moveTo(id, focus = true) {
  if (!rows.byId.has(id)) return;
  current.value = id;
  wanted.value = { id, focus };
}

/** To the next or the one before. @param {1 | -1} by */
export function step(by) {
  const at = rows.indexOf(current.peek());
  const entry = rows.at(at < 0 ? 0 : at + by);
  if (entry) moveTo(entry.id);
}

/** To the next error down or up the list; down, more lines are loaded for it. @param {1 | -1} by */
export async function nextError(by) {
  let at = rows.indexOf(current.peek());
  for (let page = 0; page < PAGES_MAX; page++) {
    for (at += by; at >= 0 && at < rows.count; at += by) {
      const entry = rows.at(at);
      if (entry && ERRORS.includes(entry.level)) return moveTo(entry.id);
    }
    if (by < 0 || !(await more())) break;
    at -= by;
  }
  said("toast.noError");
}

/** @param {string} id */
export function toggleOpen(id) {
  if (!rows.byId.has(id)) return;
  const next = new Set(open.peek());
  if (!next.delete(id)) next.add(id);
  open.value = next;
  current.value = id;
  shown = next.has(id) ? id : "";
  note({ row: shown });
}

/** Closes the current row; whether it was open. */
export function closeOpen() {
  const id = current.peek();
  if (!open.peek().has(id)) return false;
  toggleOpen(id);
  moveTo(id);
  return true;
}

/** @param {string} id @param {number} px */
export function measured(id, px) {
  if (heights.peek().get(id) !== px) heights.value = new Map([...heights.peek(), [id, px]]);
}
