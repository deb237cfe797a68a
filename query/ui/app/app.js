// @ts-check
// The page as a whole: the door for who is not signed in, else the bar and what the address says.

import { html, useEffect } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { Explorer } from "../search/explorer.js";
import { StartPage } from "../start/page.js";
import { view } from "./address.js";
import { Bar } from "./bar.js";
import { Dialogs } from "./dialogs.js";
import { Door } from "./door.js";
import { later } from "./later.js";
import { Failure } from "./notes.js";
import { learn, session, trouble } from "./session.js";
import { Toast } from "./toast.js";

const PAGES = {
  start: StartPage,
  explore: Explorer,
  request: later(() => import("../trace/page.js"), "RequestPage"),
  problems: later(() => import("../problems/page.js"), "ProblemsPage"),
  usage: later(() => import("../usage/page.js"), "UsagePage"),
  access: later(() => import("../access/page.js"), "AccessPage"),
};
const Excerpt = later(() => import("../share/excerpt.js"), "ExcerptPage");

export function App() {
  const { page, query, request } = view.value;
  useEffect(() => {
    const what = page === "explore" ? query : page === "request" ? request : "";
    document.title = what ? `${what.slice(0, 120)} · martlog` : "martlog";
  }, [page, query, request]);
  // Whoever has the link of an excerpt needs no session.
  if (page === "excerpt") return html`<main id="content" class="page excerpt"><${Excerpt} /></main><${Toast} />`;
  if (trouble.value !== null) return html`<main class="page"><${Failure} error=${trouble.value} again=${learn} /></main>`;
  if (!session.value) return html`<${Door} />`;
  const Page = PAGES[page];
  return html`
    <a class="skip" href="#content">${t("app.skip")}</a>
    <${Bar} />
    <main id="content" class=${`page ${page}`} tabindex="-1"><${Page} /></main>
    <${Dialogs} />
    <${Toast} />
  `;
}
