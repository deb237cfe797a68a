// @ts-check
// A line's way in time: printed, read by the node, stored and acknowledged by the server, each with how long after the one before.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { roughly, rowTime } from "../lib/time.js";

/** @param {{row: import("../lib/api.js").Row}} props */
export function Way({ row }) {
  const stops = /** @type {const} */ ([
    ["way.printed", row.time],
    ["way.read", row.read],
    ["way.arrived", row.arrived],
  ]);
  let before = NaN;
  return html`
    <ol class="way">
      ${stops.map(([name, time]) => {
        if (!time) return null;
        const ms = Date.parse(time);
        const after = ms - before;
        before = ms;
        const late = Number.isNaN(after) ? "" : after < 0 ? t("way.earlier", { time: roughly(-after) }) : `+${roughly(after)}`;
        return html`<li class=${after > 3_600_000 ? "late" : ""}><span>${t(name)}</span><time datetime=${time} title=${time}>${rowTime(time)}</time><span class="muted">${late}</span></li>`;
      })}
    </ol>
  `;
}
