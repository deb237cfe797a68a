// @ts-check
// The page's sentences in the language of the reader. English is there at once; the others are loaded when they are chosen. A sentence with a count has a form for each
// plural category of its language (Intl.PluralRules); `{name}` is replaced by a value.

import { computed, signal } from "../lib/html.js";
import { keep, recall } from "../lib/prefs.js";
import en from "./en.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {string | {one?: string, few?: string, many?: string, other: string}} Sentence */

export const LANGUAGES = { en: "English", uk: "Українська", es: "Español", ru: "Русский" };

/** @type {Record<string, () => Promise<{default: Record<string, Sentence>}>>} */
const LOADERS = {
  uk: () => import("./uk.js"),
  es: () => import("./es.js"),
  ru: () => import("./ru.js"),
};

export const language = signal("en");
const catalogue = signal(/** @type {Record<string, Sentence>} */ (en));
const plurals = computed(() => new Intl.PluralRules(language.value));
const numbers = computed(() => new Intl.NumberFormat(language.value));

/** The language of this browser's reader, or the nearest that is there. */
export async function begin() {
  const wanted = [recall("language") ?? "", ...navigator.languages].map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES);
  await choose(wanted ?? "en", false);
}

/** @param {string} tag @param {boolean} [remembered] */
export async function choose(tag, remembered = true) {
  try {
    catalogue.value = tag in LOADERS ? (await LOADERS[tag]()).default : en;
    language.value = tag;
    document.documentElement.lang = tag;
    if (remembered) keep("language", tag);
  } catch {
    // The file did not come: the page stays in the language that it has.
  }
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values] `count` chooses the plural form; numbers are written as the language does
 */
export function t(key, values = {}) {
  const sentence = catalogue.value[key] ?? en[key];
  const form = typeof sentence === "string" ? sentence : pick(sentence, Number(values.count ?? 0));
  return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? n(values[name]) : String(values[name] ?? "")));
}

/** @param {Exclude<Sentence, string>} forms @param {number} count */
function pick(forms, count) {
  return forms[/** @type {"one"} */ (plurals.value.select(count))] ?? forms.other;
}

/** A number as the language writes it. @param {number} value */
export function n(value) {
  return numbers.value.format(value);
}
