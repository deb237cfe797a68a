// @ts-check
// Text of log lines for the screen. Control characters, and the marks that turn the direction of writing, become visible signs; ANSI colours become classes.

import { html } from "./html.js";

const ESCAPES = /\u001b\[([0-?]*)[ -/]*([@-~])/g;

/** The text without ANSI sequences and with nothing that acts on the screen. @param {string} text */
export function visible(text) {
  return signs(text.replace(ESCAPES, ""));
}

/** @param {string} text */
function signs(text) {
  return text
    .replace(/\r\n/g, "\n")
    .replace(/[\u0000-\u0008\u000b-\u001f]/g, (c) => String.fromCharCode(0x2400 + c.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u061c\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]/g, (c) => `⟨U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/**
 * The text with its ANSI colours as spans of the classes `ansi-1` (bold) and `ansi-30` to `ansi-37`.
 * @param {string} text
 * @returns {unknown}
 */
export function coloured(text) {
  if (!text.includes("\u001b[")) return signs(text);
  /** @type {unknown[]} */
  const parts = [];
  let [from, colour, bold] = [0, 0, false];
  const push = (/** @type {number} */ to) => {
    if (to <= from) return;
    const piece = signs(text.slice(from, to));
    const classes = [colour ? `ansi-${colour}` : "", bold ? "ansi-1" : ""].filter(Boolean).join(" ");
    parts.push(classes ? html`<span class=${classes}>${piece}</span>` : piece);
  };
  for (const escape of text.matchAll(ESCAPES)) {
    push(escape.index);
    from = escape.index + escape[0].length;
    if (escape[2] !== "m") continue;
    for (const code of (escape[1] || "0").split(";").map(Number)) {
      if (code === 0) [colour, bold] = [0, false];
      else if (code === 1) bold = true;
      else if (code === 22) bold = false;
      else if (code === 39) colour = 0;
      else if (code >= 30 && code <= 37) colour = code;
      else if (code >= 90 && code <= 97) colour = code - 60;
    }
  }
  push(text.length);
  return parts;
}

/** With a capital and a full stop. @param {string} text */
export function sentence(text) {
  const trimmed = text.trim();
  return trimmed === "" ? "" : trimmed[0].toUpperCase() + trimmed.slice(1) + (/[.!?…]$/.test(trimmed) ? "" : ".");
}

/** Copies; whether the browser allowed it. @param {string} text @returns {Promise<boolean>} */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
