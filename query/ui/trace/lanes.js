// @ts-check
// The lanes: one for each module and instance, a dot for each line, a pause as high as it was long. A line opens in place.

import { html, useSignal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { missing, useAnswer } from "../app/load.js";
import { search } from "../lib/api.js";
import { visible } from "../lib/text.js";
import { rfc3339, roughly, rowTime } from "../lib/time.js";
import { Detail } from "../row/detail.js";
import { levelClass } from "../rows/shape.js";

const COLOURS = 8;
const LANE_PX = 16;
const MESSAGE_MAX = 400;
/** Around the time of a line that is fetched, ms. */
const AROUND_MS = 1_000;

/** @param {{told: import("./story.js").Story}} props */
export function Lanes({ told }) {
  const { lines, lanes, firstError } = told;
  return html`
    <h2 class="sr">${t("request.lanes")}</h2>
    <ul class="lane-names" aria-label=${t("request.lanes")}>
      ${lanes.map(({ module, version, instance, count, errors }, at) => html`<li><span class=${`lane-dot lane-${at % COLOURS}`} aria-hidden="true"></span><b>${visible(module)}</b>${version && html`<span class="muted">@${visible(version)}</span>`} <span class="muted">${visible(instance)} · ${t("found.lines", { count })}${errors > 0 ? ` · ${t("request.errors", { count: errors })}` : ""}</span></li>`)}
    </ul>
    <ol class="story">
      ${lines.map((line, at) => html`
        ${line.pausePx > 0 && html`<li class="pause" style=${{ height: `${line.pausePx}px` }}><span>${t("request.pause", { time: roughly(line.pauseMs) })}</span></li>`}
        <${Step} key=${line.id} line=${line} place=${at} lanes=${lanes.length} first=${at === firstError} />`)}
    </ol>
  `;
}

/** @param {{line: import("./story.js").Line, place: number, lanes: number, first: boolean}} props */
function Step({ line, place, lanes, first }) {
  const open = useSignal(false);
  const level = levelClass(line.level);
  const shown = line.message.split("\n")[0].slice(0, MESSAGE_MAX);
  return html`
    <li id=${`step-${place}`} class=${`step ${level}${first ? " first-of-errors" : ""}`} tabindex="-1">
      <button type="button" class="head" aria-expanded=${String(open.value)} onClick=${() => (open.value = !open.value)}>
        <time datetime=${line.time} title=${rowTime(line.time)}>+${roughly(line.at)}</time>
        <span class="lanes" style=${{ width: `${lanes * LANE_PX}px` }} aria-hidden="true"><span class=${`lane-dot lane-${line.lane % COLOURS}`} style=${{ left: `${line.lane * LANE_PX}px` }}></span></span>
        <span class="level">${level === "none" ? "–" : level}</span>
        <span class="module">${visible(line.module)}</span>
        <span class="text">${first && html`<span class="mark">${t("request.firstError")}</span>`}<bdi>${visible(shown)}</bdi></span>
      </button>
      ${open.value && html`<${Whole} line=${line} />`}
    </li>
  `;
}

/** The whole record, fetched when it is opened. @param {{line: import("./story.js").Line}} props */
function Whole({ line }) {
  const ms = Date.parse(line.time);
  const answer = useAnswer(
    async (signal) => {
      /** @type {import("../lib/api.js").Row[]} */
      const found = [];
      const asked = { query: `id:"${line.id}"`, from: rfc3339(ms - AROUND_MS), to: rfc3339(ms + AROUND_MS), limit: 1 };
      await search(asked, (rows) => found.push(...rows.map(({ row }) => row)), signal);
      return found;
    },
    [line.id],
  );
  return html`<div class="detail">${missing(answer, 3) ?? (answer.value?.[0] ? html`<${Detail} row=${answer.value[0]} />` : html`<p class="muted">${t("nothing.title")}</p>`)}</div>`;
}
