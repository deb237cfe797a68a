// @ts-check
// The page's sentences in the language of the reader. English is there at once; the others are loaded when they are chosen, and those of pages that come later with the first of these. A sentence with a count has a form for each
// plural category of its language (Intl.PluralRules); `{name}` is replaced by a value.

import { computed, signal } from "../lib/html.js";
import { keep, recall } from "../lib/prefs.js";
import en from "./en.js";

/** @typedef {keyof typeof en | keyof typeof import("./later/en.js").default} Key */
/** @typedef {string | {one?: string, few?: string, many?: string, other: string}} Sentence */

export const LANGUAGES = { en: "English", uk: "Українська", es: "Español", ru: "Русский" };

/** @typedef {Record<string, Sentence>} Catalogue */
/** @type {Record<string, () => Promise<{default: Catalogue}>>} */
const LOADERS = {
  en: async () => ({ default: en }),
  uk: () => import("./uk.js"),
  es: () => import("./es.js"),
  ru: () => import("./ru.js"),
};

/** The sentences of the pages that are loaded when they are opened. @type {Record<string, () => Promise<{default: Catalogue}>>} */
const LATER = {
  en: () => import("./later/en.js"),
  uk: () => import("./later/uk.js"),
  es: () => import("./later/es.js"),
  ru: () => import("./later/ru.js"),
};
let wanted = false;

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
    catalogue.value = await load(tag in LOADERS ? tag : "en");
    language.value = tag;
    document.documentElement.lang = tag;
    if (remembered) keep("language", tag);
  } catch {
    // The file did not come: the page stays in the language that it has.
  }
}

/** @param {string} tag @returns {Promise<Catalogue>} */
async function load(tag) {
  const [base, later] = await Promise.all([LOADERS[tag](), wanted ? LATER[tag]() : { default: {} }]);
  return { ...base.default, ...later.default };
}

/** Takes the sentences of the later pages, from now on in every language; fails where they cannot be had. */
export async function takeLater() {
  if (wanted) return;
  wanted = true;
  try {
    catalogue.value = await load(language.peek());
  } catch (error) {
    wanted = false;
    throw error;
  }
}

/**
 * @param {Key} key
 * @param {Record<string, string | number>} [values] `count` chooses the plural form; numbers are written as the language does
 */
export function t(key, values = {}) {
  const sentence = catalogue.value[key] ?? /** @type {Catalogue} */ (en)[key] ?? "";
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
