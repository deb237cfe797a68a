// @ts-check
// A request or call: every line that has its id or an id of one of its lines, over all modules in reach, in the order of time.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { go, link, view } from "../app/address.js";
import { missing, useAnswer } from "../app/load.js";
import { Note } from "../app/notes.js";
import { stats } from "../lib/api.js";
import { clause } from "../lib/query.js";
import { visible } from "../lib/text.js";
import { roughly } from "../lib/time.js";
import { bounds } from "../search/run.js";
import { When } from "../search/when.js";
import { causeOf } from "./causes.js";
import { Lanes } from "./lanes.js";
import { story } from "./story.js";

const FIELDS = "time, level, module, version, instance, message, id";

export function RequestPage() {
  const { request, from, to } = view.value;
  const only = clause("session", request);
  const query = `${only ?? ""} | session | fields ${FIELDS}`;
  const answer = useAnswer(async (signal) => (only === null ? null : story(await stats({ ...bounds(view.peek()), query }, signal))), [request, from, to]);
  const told = answer.value;
  return html`
    <div class="page-head">
      <h1>${t("request.title")}</h1><code class="id">${visible(request)}</code>
      ${only !== null && html`<a class="button" href=${link({ page: "explore", query: only, from, to })}>${t("request.explore")}</a>`}
    </div>
    <div class="when"><${When} /></div>
    ${only === null ? html`<${Note} title=${t("nothing.title")} advice=${t("request.badId")} />` : missing(answer, 10) ?? (told && (told.lines.length === 0 ? html`<${Nothing} />` : html`<${Summary} told=${told} /><${Lanes} told=${told} />`))}
  `;
}

function Nothing() {
  const week = [{ label: t("nothing.week"), act: () => go({ from: "-7d", to: "" }), primary: true }];
  return html`<${Note} title=${t("request.none")} advice=${t("request.noneAdvice")} actions=${week} />`;
}

/** @param {{told: import("./story.js").Story}} props */
function Summary({ told }) {
  const { lines, lanes, firstError, spanMs, truncated } = told;
  const error = firstError >= 0 ? lines[firstError] : null;
  const cause = causeOf(lines);
  return html`
    <p class="summary" role="status">${t("request.summary", { count: lines.length, modules: lanes.length, time: roughly(spanMs) })}</p>
    ${cause && html`<p id="cause" class="cause"><b>${t("request.cause")}</b> ${t(/** @type {import("../i18n/i18n.js").Key} */ (`cause.${cause.name}`), cause.values)} <a href=${`#step-${cause.at}`}>${t("request.causeLine")}</a></p>`}
    ${error
      ? html`<p class="first-error"><b>${t("request.firstError")}</b> <a href=${`#step-${firstError}`}>+${roughly(error.at)} · ${visible(error.module)}</a> <bdi>${visible(error.message.split("\n")[0].slice(0, 300))}</bdi></p>`
      : html`<p class="muted">${t("request.noError")}</p>`}
    ${truncated && html`<p class="warnings">${t("table.truncated")}</p>`}
  `;
}
