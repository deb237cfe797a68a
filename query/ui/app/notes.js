// @ts-check
// What is said in the place of an answer: that it is loading, that there is none, that something is wrong, and each time what to do.

import { html, useEffect, useState } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { Incomplete, Offline, Refused } from "../lib/api.js";
import { sentence } from "../lib/text.js";

/** @param {{title: string, advice?: string, actions?: {label: string, act: () => void, primary?: boolean}[], children?: unknown}} props */
export function Note({ title, advice, actions = [], children }) {
  return html`
    <div class="note">
      <h2>${title}</h2>
      ${advice && html`<p>${advice}</p>`}
      ${children}
      ${actions.length > 0 && html`<p class="actions">${actions.map(({ label, act, primary }) => html`<button type="button" class=${primary ? "primary" : ""} onClick=${act}>${label}</button>`)}</p>`}
    </div>
  `;
}

/** Rows that are still to come: grey bars, and nothing for a screen reader, which hears the status. @param {{lines?: number}} props */
export function Skeleton({ lines = 12 }) {
  return html`<div class="skeleton" aria-hidden="true">${Array.from({ length: lines }, () => html`<span></span>`)}</div>`;
}

/** From here on an answer is called slow, ms. */
export const SLOW_MS = 4_000;

/** An answer that is awaited; after a while a word on that. @param {{lines?: number}} props */
export function Waiting({ lines }) {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<p class="sr" role="status">${slow ? "" : t("wait.loading")}</p>${slow && html`<p class="end muted" role="status">${t("wait.slow")}</p>`}<${Skeleton} lines=${lines} />`;
}

/** @param {{error: unknown, again: () => void}} props */
export function Failure({ error, again }) {
  const retry = [{ label: t("failure.again"), act: again, primary: true }];
  if (error instanceof Offline) return html`<${Note} title=${t("failure.offline")} advice=${t("failure.offlineAdvice")} actions=${retry} />`;
  if (error instanceof Incomplete) return html`<${Note} title=${t("failure.broke")} advice=${t("failure.brokeAdvice")} actions=${retry} />`;
  if (error instanceof Refused) {
    const { status, problem, retryAfter } = error;
    if (status === 429 || status === 503) {
      const wait = retryAfter > 0 ? t("failure.busyIn", { seconds: retryAfter }) : t("failure.busySoon");
      return html`<${Note} title=${t("failure.busy")} advice=${`${sentence(error.message)} ${wait}`} actions=${retry} />`;
    }
    if (status === 403) return html`<${Note} title=${t("failure.forbidden")} advice=${`${sentence(error.message)} ${t("failure.forbiddenAdvice")}`} />`;
    if (status === 404) return html`<${Note} title=${t("failure.absent")} advice=${`${t("failure.absentAdvice")} ${sentence(error.message)}`} actions=${retry} />`;
    if (status < 500) return html`<${Note} title=${t("failure.refused")} advice=${`${sentence(error.message)} ${t("failure.refusedAdvice")}`} actions=${retry} />`;
    const id = problem.request_id ? ` ${t("failure.request", { id: problem.request_id })}` : "";
    return html`<${Note} title=${t("failure.server")} advice=${`${t("failure.serverAdvice")} ${sentence(error.message)}${id}`} actions=${retry} />`;
  }
  return html`<${Note} title=${t("failure.page")} advice=${t("failure.pageAdvice", { error: String(error) })} actions=${[{ label: t("failure.load"), act: () => location.reload() }]} />`;
}
