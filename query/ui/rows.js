// @ts-check
// The list of rows: time · level · module@version · instance · message. One row is the current one (`j`, `k`, a click), and alone can be tabbed to; Enter opens it in place.
//
// At most ROWS_MAX rows are in the page: new ones push the farthest out.

import { detail, timeTitle } from "./detail.js";
import { h, visible } from "./dom.js";
import { rowTime } from "./time.js";

export const ROWS_MAX = 2_000;
/** A closed row shows the beginning of its message. */
const MESSAGE_CLOSED_MAX = 600;
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

export class Rows {
  /** @param {HTMLOListElement} list @param {(clause: string) => void} narrow */
  constructor(list, narrow) {
    this.list = list;
    this.narrow = narrow;
    /** @type {Map<Element, import("./api.js").Row>} */
    this.rowOf = new Map();
    /** @type {Set<string>} */
    this.ids = new Set();
    list.addEventListener("click", (event) => this.clicked(event));
    list.addEventListener("keydown", (event) => this.pressed(event));
    list.addEventListener("focusin", (event) => {
      const head = /** @type {Element} */ (event.target).closest(".head");
      if (head) this.makeCurrent(/** @type {HTMLElement} */ (head));
    });
  }

  get count() {
    return this.list.childElementCount;
  }

  clear() {
    this.list.replaceChildren();
    this.rowOf.clear();
    this.ids.clear();
  }

  /** Behind the last one, as a search gives them. @param {import("./api.js").Row[]} rows */
  append(rows) {
    const items = this.items(rows);
    this.list.append(...items);
    if (!this.list.querySelector('.head[tabindex="0"]')) this.head(0)?.setAttribute("tabindex", "0");
  }

  /** Before the first one, as they arrive: the newest comes to the top. @param {import("./api.js").Row[]} rows in the order of arrival */
  prepend(rows) {
    const items = this.items(rows).reverse();
    for (const item of items) item.classList.add("new");
    this.list.prepend(...items);
    while (this.list.childElementCount > ROWS_MAX) this.drop(/** @type {Element} */ (this.list.lastElementChild));
  }

  /** @param {import("./api.js").Row[]} rows @returns {HTMLLIElement[]} */
  items(rows) {
    const items = [];
    for (const row of rows) {
      if (row.id && this.ids.has(row.id)) continue;
      if (row.id) this.ids.add(row.id);
      const item = render(row);
      this.rowOf.set(item, row);
      items.push(item);
    }
    return items;
  }

  /** @param {Element} item */
  drop(item) {
    const row = this.rowOf.get(item);
    if (row?.id) this.ids.delete(row.id);
    this.rowOf.delete(item);
    item.remove();
  }

  /** Moves the current row. @param {1 | -1} step */
  move(step) {
    const current = this.list.querySelector('.head[tabindex="0"]');
    const focused = current !== null && this.list.contains(document.activeElement);
    const item = current?.parentElement;
    const next = !focused ? item : step === 1 ? item?.nextElementSibling : item?.previousElementSibling;
    const head = /** @type {HTMLElement | null | undefined} */ (next?.querySelector(".head"));
    head?.focus();
    head?.scrollIntoView({ block: "nearest" });
  }

  /** Closes the row that has the focus; whether there was one open. */
  closeCurrent() {
    const item = document.activeElement?.closest("li.row.open");
    if (!item || !this.list.contains(item)) return false;
    this.toggle(/** @type {HTMLElement} */ (item));
    /** @type {HTMLElement | null} */ (item.querySelector(".head"))?.focus();
    return true;
  }

  /** @param {number} at @returns {HTMLElement | null} */
  head(at) {
    return /** @type {HTMLElement | null} */ (this.list.children[at]?.querySelector(".head") ?? null);
  }

  /** @param {HTMLElement} head */
  makeCurrent(head) {
    for (const other of this.list.querySelectorAll('.head[tabindex="0"]')) if (other !== head) other.setAttribute("tabindex", "-1");
    head.setAttribute("tabindex", "0");
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const head = /** @type {Element} */ (event.target).closest(".head");
    // Whoever selects text to copy does not mean to open the row.
    if (!head || !(getSelection()?.isCollapsed ?? true)) return;
    this.toggle(/** @type {HTMLElement} */ (head.parentElement));
  }

  /** @param {KeyboardEvent} event */
  pressed(event) {
    const head = /** @type {Element} */ (event.target);
    if (!head.matches(".head") || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    this.toggle(/** @type {HTMLElement} */ (head.parentElement));
  }

  /** Opens or closes a row. @param {HTMLElement} item */
  toggle(item) {
    const row = this.rowOf.get(item);
    if (!row) return;
    const open = item.classList.toggle("open");
    item.querySelector(".head")?.setAttribute("aria-expanded", String(open));
    if (open) item.append(detail(row, this.narrow));
    else item.querySelector(".detail")?.remove();
  }

  /** Writes the times anew, when the zone has changed. */
  retime() {
    for (const [item, row] of this.rowOf) {
      const time = item.querySelector("time");
      if (time) [time.textContent, time.title] = [rowTime(row.time), timeTitle(row.time)];
    }
  }
}

/** @param {import("./api.js").Row} row */
function render(row) {
  const level = LEVELS.includes(row.level ?? "") ? /** @type {string} */ (row.level) : "none";
  const module = row.version ? `${row.module ?? ""}@${row.version}` : row.module ?? "";
  const marks = row.verdict && row.verdict !== "ok" ? h("span", { class: "verdict", title: `The format: ${(row.problems ?? []).map(code).join(", ") || row.verdict}` }, row.verdict) : null;
  return h(
    "li",
    { class: `row ${level}` },
    h(
      "div",
      { class: "head", role: "button", tabindex: "-1", "aria-expanded": "false" },
      h("time", { datetime: row.time, title: timeTitle(row.time) }, rowTime(row.time)),
      h("span", { class: "level" }, level === "none" ? "–" : level),
      h("span", { class: "module", title: module }, visible(row.module ?? ""), row.version ? h("span", { class: "version" }, visible(`@${row.version}`)) : null),
      h("span", { class: "instance", title: row.instance ?? "" }, visible(row.instance ?? "")),
      h("span", { class: "text" }, marks, h("bdi", {}, visible((row.message ?? "").slice(0, MESSAGE_CLOSED_MAX)))),
    ),
  );
}

/** @param {string | {code: string}} problem */
function code(problem) {
  return typeof problem === "string" ? problem : problem.code;
}
