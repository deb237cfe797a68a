// @ts-check
// Follow mode, seen: the button, and a strip above the lines with rate, lag, a pause, and what waits.

import { html } from "../lib/html.js";
import { n, t } from "../i18n/i18n.js";
import { toggleFollow } from "../app/actions.js";
import { view } from "../app/address.js";
import { roughly } from "../lib/time.js";
import { lag, paused, rate, state, waiting } from "./follow.js";

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
  `;
}
