// @ts-check
// Below the bars, a thin band: the more of a bucket's lines are no records, the darker.

import { html } from "../lib/html.js";
import { intervalMs } from "../lib/time.js";
import { verdicts } from "../search/state.js";
import { WIDTH } from "./bars.js";

const HEIGHT = 4;
/** A share that is seen at all. */
const SHADE_MIN = 0.15;

/** @param {{x: (ms: number) => number}} props */
export function Band({ x }) {
  const data = verdicts.value;
  if (!data) return html`<div class="band"></div>`;
  const step = intervalMs(data.interval);
  return html`
    <svg class="band" viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      ${data.buckets.map((bucket) => {
        const share = shareOf(bucket);
        if (share === 0) return null;
        const start = Date.parse(bucket.start);
        const left = Math.max(x(start), 0);
        return html`<rect x=${left} width=${Math.max(Math.min(x(start + step), WIDTH) - left, 0.5)} y="0" height=${HEIGHT} opacity=${Math.max(share, SHADE_MIN)} />`;
      })}
    </svg>
  `;
}

/** The share of a bucket's lines that are no records. @param {{count: number, by?: Record<string, number>}} bucket */
export function shareOf({ count, by = {} }) {
  return count > 0 ? ((by.raw ?? 0) + (by.rejected ?? 0)) / count : 0;
}
