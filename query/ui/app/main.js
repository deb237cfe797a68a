// @ts-check
// The beginning: language, theme, who is there; then the page.

import { html, render } from "../lib/html.js";
import { begin as language } from "../i18n/i18n.js";
import { begin as search } from "../search/run.js";
import { App } from "./app.js";
import { follow } from "./address.js";
import { begin as keys } from "./keys.js";
import { learn } from "./session.js";
import { begin as theme } from "./theme.js";

theme();
const [place] = document.getElementsByTagName("main");
document.addEventListener("click", follow);
await Promise.all([language(), learn()]);
place.replaceWith(Object.assign(document.createElement("div"), { id: "app" }));
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
keys();
search();
