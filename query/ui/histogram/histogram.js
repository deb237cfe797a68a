// @ts-check
// Lines over time, by level. A drag over it zooms in; a level of the legend is hidden and shown; what is missing or still on its way is hatched.
//
// With the keyboard: arrows choose a bar, Enter zooms into it.

import { html, useSignal } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { go } from "../app/address.js";
import { full, rfc3339, tick } from "../lib/time.js";
import { complete, histogram, histogramState, verdicts } from "../search/state.js";
import { barsOf, HEIGHT, HATCHED_S_MIN, stack, WIDTH } from "./bars.js";
import { Band, shareOf } from "./band.js";
import { Legend } from "./legend.js";

/** A drag shorter than this is a click on a bar, in units of the drawing. */
const DRAG_MIN = 4;
const TICKS = 5;

export function Histogram() {
  const drag = useSignal(/** @type {{start: number, end: number} | null} */ (null));
  const chosen = useSignal(-1);
  const held = histogram.value;
  if (!held) return histogramState.value === "loading" ? html`<section id="histogram" class="histogram busy" aria-label=${t("histogram.label")}></section>` : null;
  const { from, to: end } = held;
  const to = Math.max(end, from + 1);
  const { bars, step, max, total } = barsOf(held.data);
  const x = (/** @type {number} */ ms) => ((ms - from) / (to - from)) * WIDTH;
  const bar = bars[chosen.value];

  const zoom = (/** @type {number} */ a, /** @type {number} */ b) => go({ from: rfc3339(Math.floor(a)), to: rfc3339(Math.ceil(b)), follow: false, row: "" });
  const into = (/** @type {number} */ index) => bars[index] && zoom(Math.max(bars[index].start, from), Math.min(bars[index].start + step, to));
  const at = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {Element} */ (event.currentTarget).getBoundingClientRect();
    return from + Math.min(Math.max((event.clientX - box.left) / Math.max(box.width, 1), 0), 1) * (to - from);
  };
  const indexAt = (/** @type {number} */ ms) => bars.findIndex((each) => ms >= each.start && ms < each.start + step);
  const press = (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    /** @type {Element} */ (event.currentTarget).setPointerCapture(event.pointerId);
    drag.value = { start: at(event), end: at(event) };
  };
  const move = (/** @type {PointerEvent} */ event) => {
    if (drag.value) drag.value = { ...drag.value, end: at(event) };
    chosen.value = indexAt(at(event));
  };
  const release = (/** @type {PointerEvent} */ event) => {
    if (!drag.value) return;
    const [a, b] = [drag.value.start, at(event)].sort((one, other) => one - other);
    drag.value = null;
    if (x(b) - x(a) >= DRAG_MIN) zoom(a, b);
    else into(indexAt(a));
  };
  const key = (/** @type {KeyboardEvent} */ event) => {
    const last = bars.length - 1;
    const next = { ArrowLeft: chosen.value < 0 ? last : Math.max(chosen.value - 1, 0), ArrowRight: Math.min(chosen.value + 1, last), Home: 0, End: last }[event.key];
    if (next !== undefined) chosen.value = next;
    else if (event.key === "Enter") into(chosen.value);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const middle = bar ? Math.min(Math.max(x(bar.start + step / 2) / WIDTH, 0), 1) : 0;
  const brushed = drag.value ? [x(drag.value.start), x(drag.value.end)].sort((a, b) => a - b) : null;
  return html`
    <section id="histogram" class=${`histogram${histogramState.value === "loading" ? " busy" : ""}`} aria-label=${t("histogram.label")}>
      <div class="peak muted" aria-hidden="true">${max > 0 ? n(max) : ""}</div>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" tabindex="0" role="application" aria-label=${t("histogram.describe", { count: total, from: full(from), to: full(to) })}
        onPointerDown=${press} onPointerMove=${move} onPointerUp=${release} onPointerCancel=${() => (drag.value = null)} onPointerLeave=${() => (chosen.value = -1)} onKeyDown=${key} onBlur=${() => (chosen.value = -1)}>
        <defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6" /></pattern></defs>
        <${Hatched} x=${x} from=${from} to=${to} step=${step} />
        <line class="ground" x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} />
        ${bars.map((each, index) => html`<g class=${`bar${index === chosen.value ? " chosen" : ""}`}>${stack(each, max, x(each.start), x(each.start + step)).map((piece) => html`<rect class=${`fill-${piece.level}`} x=${piece.x} y=${piece.y} width=${piece.width} height=${piece.height} />`)}</g>`)}
        ${brushed && html`<rect class="brush" x=${brushed[0]} y="0" width=${brushed[1] - brushed[0]} height=${HEIGHT} />`}
      </svg>
      <${Band} x=${x} />
      <div class="axis muted" aria-hidden="true">${Array.from({ length: TICKS }, (_, place) => html`<span>${tick(from + ((to - from) * place) / (TICKS - 1), to - from)}</span>`)}</div>
      <${Legend} bars=${bars} />
      <div class=${`tip${middle > 0.5 ? " right" : ""}`} role="status" hidden=${!bar} style=${{ left: `${middle * 100}%` }}>${bar && tipText(bar)}</div>
    </section>
  `;
}

/** @param {import("./bars.js").Bar} bar */
function tipText(bar) {
  const levels = bar.levels.map(([level, count]) => `${level === "none" ? t("level.none") : level} ${n(count)}`);
  const judged = verdicts.value?.buckets.find((bucket) => Date.parse(bucket.start) === bar.start);
  const unformed = judged ? Math.round(shareOf(judged) * 100) : 0;
  return [full(bar.start), t("found.lines", { count: bar.count }), levels.join(", "), unformed > 0 ? t("histogram.unformed", { share: unformed }) : ""].filter(Boolean).join(" · ");
}

/** Where lines are known to be missing, and the end, where they may still be on their way. @param {{x: (ms: number) => number, from: number, to: number, step: number}} props */
function Hatched({ x, from, to, step }) {
  const said = complete.value;
  const gaps = (said?.gaps ?? []).map((gap) => Date.parse(String(gap.time))).filter((ms) => ms >= from && ms < to);
  const until = said?.until ? Date.parse(said.until) : NaN;
  const late = !Number.isNaN(until) && until < to && (said?.behind_seconds ?? 0) >= HATCHED_S_MIN ? Math.max(until, from) : to;
  const place = (/** @type {number} */ ms) => x(ms - ((((ms - from) % step) + step) % step));
  return html`
    ${[...new Set(gaps.map(place))].map((left) => html`<rect class="gap" x=${left} y="0" width=${Math.max(x(from + step), 2)} height=${HEIGHT}><title>${t("histogram.gap")}</title></rect>`)}
    ${late < to && html`<rect class="gap late" x=${x(late)} y="0" width=${x(to) - x(late)} height=${HEIGHT}><title>${t("histogram.late")}</title></rect>`}
  `;
}
