// @ts-check
// Pages and dialogs that are loaded when they are opened: a first visit does not wait for what most visits never show.

import { html, useState } from "../lib/html.js";
import { takeLater } from "../i18n/i18n.js";
import { Offline } from "../lib/api.js";
import { missing, useAnswer } from "./load.js";

/** Resolves when the styles of the later pages are there. @type {Promise<void> | null} */
let styles = null;

function takeStyles() {
  styles ??= new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "assets/styles/later.css" });
    link.onload = () => resolve();
    link.onerror = () => (link.remove(), (styles = null), reject(new Offline()));
    document.head.append(link);
  });
  return styles;
}

/**
 * A component that stands for one of a module.
 * @param {() => Promise<any>} load the module, each time asked for from the server anew when it did not come
 * @param {string} name what it exports
 */
export function later(load, name) {
  /** @type {any} */
  let Component = null;
  const take = async () => {
    const [module] = await Promise.all([load().catch(() => { throw new Offline(); }), takeLater().catch(() => { throw new Offline(); }), takeStyles()]);
    Component = module[name];
    return Component;
  };
  return function Later(/** @type {Record<string, unknown>} */ props) {
    // As it was when it was first drawn: what stands in another place is another component, and would begin anew.
    const [ready] = useState(Component !== null);
    return ready ? html`<${Component} ...${props} />` : html`<${Loading} take=${take} props=${props} />`;
  };
}

/** @param {{take: () => Promise<any>, props: Record<string, unknown>}} parts */
function Loading({ take, props }) {
  // Wrapped: a component is a function, and a state that is a function is called.
  const answer = useAnswer(async () => ({ Component: await take() }), []);
  return missing(answer) ?? html`<${answer.value?.Component} ...${props} />`;
}
