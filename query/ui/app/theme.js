// @ts-check
// Light, dark or high contrast: as the system says, unless somebody chose.

import { effect, signal } from "../lib/html.js";
import { keep, recall } from "../lib/prefs.js";

export const THEMES = /** @type {const} */ (["auto", "light", "dark", "contrast"]);

export const theme = signal(recall("theme") ?? "auto");

export function begin() {
  effect(() => {
    if (theme.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
  });
}

/** @param {string} value */
export function choose(value) {
  theme.value = value;
  keep("theme", value);
}
