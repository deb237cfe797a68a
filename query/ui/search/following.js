// @ts-check
// Follow mode, seen: the button, and a strip above the lines with rate, lag, a pause, what waits, and what was left out.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { toggleFollow } from "../app/actions.js";
import { view } from "../app/address.js";
import { roughly, rowTime } from "../lib/time.js";
import { fetchMissed, lag, paused, rate, state, waiting } from "./follow.js";
import { pieces } from "./missed.js";

export function FollowButton() {
  return html`<button id="follow" type="button" aria-pressed=${String(view.value.follow)} title=${`${t("key.follow")} (f)`} onClick=${toggleFollow}><span class="dot" aria-hidden="true"></span>${t("follow.button")}</button>`;
}

export function FollowStrip() {
  if (!view.value.follow || state.value === "off") return null;
  const perSecond = rate.value < 10 ? Number(rate.value.toFixed(1)) : Math.round(rate.value);
  const said = { connecting: t("follow.connecting"), open: t("follow.rate", { rate: n(perSecond) }), lost: t("follow.lost"), resting: t("follow.resting"), refused: t("follow.refused"), off: "" }[state.value];
  const show = () => {
    paused.value = false;
    scrollTo({ top: 0 });
  };
  return html`
    <div class=${`strip ${state.value}`}>
      <span class="dot" aria-hidden="true"></span>
      <span>${said}</span>
      ${state.value === "open" && lag.value > 0 && html`<span class="muted" title=${t("follow.lagMeaning")}>${t("follow.lag", { time: roughly(lag.value) })}</span>`}
      <span class="spring"></span>
      ${waiting.value > 0 && html`<button id="fresh" type="button" class="primary" onClick=${show}>${t("follow.fresh", { count: waiting.value })} ↑</button>`}
      <button id="pause" type="button" aria-pressed=${String(paused.value)} onClick=${() => (paused.value = !paused.value)}>${paused.value ? t("follow.resume") : t("follow.pause")}</button>
    </div>
    <${Missed} />
  `;
}

/** What was left out, the newest first. */
function Missed() {
  const all = pieces.value;
  if (all.length === 0) return null;
  return html`<ul id="missed" class="warnings missed" role="status">${all.toReversed().map((piece) => html`<${Piece} key=${piece.id} piece=${piece} />`)}</ul>`;
}

/** @param {{piece: import("./missed.js").Piece}} props */
function Piece({ piece }) {
  const { from, to, cursor, count, state, fetched } = piece;
  const between = { from: rowTime(from), to: rowTime(to) };
  if (!cursor) return html`<li>${t("missed.gone", between)}</li>`;
  const busy = state === "fetching";
  return html`
    <li>
      <span>${count === null ? t("missed.counting", between) : t("missed.count", { ...between, count })}${state === "failed" && html` <strong>${t("missed.failed")}</strong>`}</span>
      <button type="button" disabled=${busy} onClick=${() => fetchMissed(piece)}>${busy ? t("missed.fetching", { count: fetched }) : t("missed.fetch")}</button>
    </li>
  `;
}
