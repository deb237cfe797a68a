// @ts-check
// Lines over time, by level: bars, a brush to zoom, and a legend that narrows to a level.
//
// With the keyboard: arrows choose a bar, Enter zooms into it. The drawing has its own units (0 to WIDTH, 0 to HEIGHT) and is stretched by the style.

import { h, s } from "./dom.js";
import { full, tick } from "./time.js";

const WIDTH = 1_000;
const HEIGHT = 72;
/** From the bottom up: what matters stands on the ground, where it can be compared. */
const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "none"];
/** A drag shorter than this is a click on a bar, units. */
const DRAG_MIN = 4;

/** @typedef {{start: number, count: number, by: Record<string, number>}} Bar */

export class HistogramView {
  /**
   * @param {HTMLElement} place
   * @param {{zoom: (from: number, to: number) => void, level: (level: string) => void}} on
   */
  constructor(place, on) {
    this.place = place;
    this.on = on;
    /** @type {Bar[]} */
    this.bars = [];
    this.from = 0;
    this.to = 1;
    this.step = 1;
    this.chosen = -1;
    this.last = /** @type {import("./api.js").Histogram | null} */ (null);
  }

  loading() {
    this.place.hidden = false;
    this.place.classList.add("busy");
  }

  hide() {
    this.place.hidden = true;
  }

  /** @param {string} why */
  failed(why) {
    this.last = null;
    this.place.classList.remove("busy");
    this.place.replaceChildren(h("p", { class: "muted" }, why));
  }

  /** Again, with the times of another zone. */
  redraw() {
    if (this.last) this.draw(this.last, this.from, this.to);
  }

  /**
   * @param {import("./api.js").Histogram} histogram
   * @param {number} from ms
   * @param {number} to ms
   */
  draw(histogram, from, to) {
    this.place.classList.remove("busy");
    this.last = histogram;
    this.step = intervalMs(histogram.interval);
    this.bars = (histogram.buckets ?? []).map((bucket) => ({ start: Date.parse(bucket.start), count: bucket.count, by: bucket.by ?? { none: bucket.count } }));
    [this.from, this.to, this.chosen] = [from, Math.max(to, from + 1), -1];
    const total = this.bars.reduce((sum, bar) => sum + bar.count, 0);
    const max = this.bars.reduce((most, bar) => Math.max(most, bar.count), 0);
    this.svg = this.chart(max, total);
    this.place.replaceChildren(
      h("div", { class: "peak muted", "aria-hidden": "true" }, max > 0 ? max.toLocaleString() : ""),
      this.svg,
      this.axis(),
      this.legend(),
      (this.tip = h("div", { class: "tip", role: "status", hidden: true })),
    );
  }

  /** @param {number} ms */
  x(ms) {
    return ((ms - this.from) / (this.to - this.from)) * WIDTH;
  }

  /** @param {number} max @param {number} total */
  chart(max, total) {
    const label = `${total.toLocaleString()} lines from ${full(this.from)} to ${full(this.to)}. Arrow keys choose a bar, Enter zooms into it.`;
    const svg = s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", tabindex: 0, role: "application", "aria-label": label });
    svg.append(s("line", { class: "ground", x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5 }));
    for (const bar of this.bars) svg.append(this.bar(bar, max));
    this.brush = s("rect", { class: "brush", y: 0, height: HEIGHT, x: 0, width: 0 });
    svg.append(this.brush);
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.hover(event));
    svg.addEventListener("pointerleave", () => this.hideTip());
    svg.addEventListener("keydown", (event) => this.key(event));
    svg.addEventListener("blur", () => this.choose(-1));
    return svg;
  }

  /** @param {Bar} bar @param {number} max */
  bar(bar, max) {
    const x = Math.max(this.x(bar.start), 0);
    const width = Math.max(Math.min(this.x(bar.start + this.step), WIDTH) - x, 0.5);
    const gap = Math.min(width * 0.15, 1.5);
    const group = s("g", { class: "bar" });
    let y = HEIGHT;
    const known = LEVELS.reduce((sum, level) => sum + (bar.by[level] ?? 0), 0);
    for (const level of LEVELS) {
      const count = (bar.by[level] ?? 0) + (level === "none" ? Math.max(bar.count - known, 0) : 0);
      if (count === 0) continue;
      // One line among thousands is still seen.
      const height = Math.max((count / max) * (HEIGHT - 2), 1.5);
      y -= height;
      group.append(s("rect", { class: `fill-${level}`, x: x + gap / 2, width: Math.max(width - gap, 0.5), y: Math.max(y, 0), height }));
    }
    return group;
  }

  axis() {
    const ticks = 5;
    const span = this.to - this.from;
    const labels = Array.from({ length: ticks }, (_, at) => h("span", {}, tick(this.from + (span * at) / (ticks - 1), span)));
    return h("div", { class: "axis muted", "aria-hidden": "true" }, ...labels);
  }

  legend() {
    /** @type {Record<string, number>} */
    const sums = {};
    for (const bar of this.bars) for (const [level, count] of Object.entries(bar.by)) sums[level] = (sums[level] ?? 0) + count;
    const buttons = LEVELS.filter((level) => sums[level] > 0 && level !== "none").map((level) =>
      h(
        "button",
        { type: "button", class: "quiet", title: `Only lines of level ${level}`, onclick: () => this.on.level(level) },
        h("span", { class: `swatch fill-${level}`, "aria-hidden": "true" }),
        `${level} ${sums[level].toLocaleString()}`,
      ),
    );
    if (sums.none > 0) buttons.push(/** @type {any} */ (h("span", { class: "unlevelled" }, h("span", { class: "swatch fill-none", "aria-hidden": "true" }), `no level ${sums.none.toLocaleString()}`)));
    return h("div", { class: "legend" }, ...buttons);
  }

  /** The moment under the pointer, ms. @param {PointerEvent} event */
  at(event) {
    const box = /** @type {SVGElement} */ (this.svg).getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - box.left) / Math.max(box.width, 1), 0), 1);
    return this.from + share * (this.to - this.from);
  }

  /** @param {PointerEvent} down */
  press(down) {
    if (down.button !== 0) return;
    const { svg, brush } = this;
    if (!svg || !brush) return;
    svg.setPointerCapture(down.pointerId);
    const start = this.at(down);
    const ended = new AbortController();
    const { signal } = ended;
    const range = (/** @type {PointerEvent} */ event) => [start, this.at(event)].sort((a, b) => a - b);
    const drag = (/** @type {PointerEvent} */ event) => {
      const [from, to] = range(event);
      brush.setAttribute("x", String(this.x(from)));
      brush.setAttribute("width", String(this.x(to) - this.x(from)));
    };
    const release = (/** @type {PointerEvent} */ event) => {
      ended.abort();
      const [from, to] = range(event);
      if (this.x(to) - this.x(from) >= DRAG_MIN) return this.on.zoom(from, to);
      brush.setAttribute("width", "0");
      this.zoomInto(this.bars.findIndex((bar) => start >= bar.start && start < bar.start + this.step));
    };
    svg.addEventListener("pointermove", drag, { signal });
    svg.addEventListener("pointerup", release, { signal });
    svg.addEventListener("pointercancel", () => (ended.abort(), brush.setAttribute("width", "0")), { signal });
  }

  /** @param {number} index */
  zoomInto(index) {
    const bar = this.bars[index];
    if (bar) this.on.zoom(Math.max(bar.start, this.from), Math.min(bar.start + this.step, this.to));
  }

  /** @param {PointerEvent} event */
  hover(event) {
    const at = this.at(event);
    this.showTip(this.bars.find((bar) => at >= bar.start && at < bar.start + this.step));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const last = this.bars.length - 1;
    const next = { ArrowLeft: this.chosen < 0 ? last : Math.max(this.chosen - 1, 0), ArrowRight: Math.min(this.chosen + 1, last), Home: 0, End: last }[event.key];
    if (next !== undefined) this.choose(next);
    else if (event.key === "Enter") this.zoomInto(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index */
  choose(index) {
    this.chosen = index;
    this.svg?.querySelectorAll(".bar").forEach((bar, at) => bar.classList.toggle("chosen", at === index));
    this.showTip(this.bars[index]);
  }

  /** @param {Bar | undefined} bar */
  showTip(bar) {
    if (!bar || !this.tip) return this.hideTip();
    const levels = LEVELS.filter((level) => bar.by[level] > 0).map((level) => `${level === "none" ? "no level" : level} ${bar.by[level].toLocaleString()}`);
    this.tip.textContent = `${full(bar.start)} · ${bar.count.toLocaleString()} lines · ${levels.join(", ")}`;
    this.tip.hidden = false;
    const share = Math.min(Math.max(this.x(bar.start + this.step / 2) / WIDTH, 0), 1);
    this.tip.style.left = `${share * 100}%`;
    this.tip.classList.toggle("right", share > 0.5);
  }

  hideTip() {
    if (this.tip) this.tip.hidden = true;
  }
}

/** The width of a bucket, such as `5m`. @param {string} interval @returns {number} ms */
function intervalMs(interval) {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(interval);
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  return match ? Number(match[1]) * units[/** @type {keyof typeof units} */ (match[2])] : 60_000;
}
