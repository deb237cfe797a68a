// @ts-check
// A word on what was done, for a moment, for eyes and screen readers.

import { html, signal } from "../lib/html.js";
import { t } from "../i18n/i18n.js";

const SHOWN_MS = 2_500;

const message = signal(/** @type {import("../i18n/i18n.js").Key | ""} */ (""));
let timer = 0;

/** @param {import("../i18n/i18n.js").Key} key */
export function said(key) {
  clearTimeout(timer);
  message.value = key;
  timer = setTimeout(() => (message.value = ""), SHOWN_MS);
}

export function Toast() {
  return html`<div class="toast" role="status" aria-live="polite">${message.value && html`<span>${t(message.value)}</span>`}</div>`;
}
