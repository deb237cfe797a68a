// @ts-check
// The explorer: the question above, its shape in time, and the lines beside their fields; or, for a query with pipes, the table.

import { html } from "../lib/html.js";
import { t } from "../i18n/i18n.js";
import { view } from "../app/address.js";
import { hasPipes } from "../lib/query.js";
import { Facets } from "../facets/facets.js";
import { Histogram } from "../histogram/histogram.js";
import { Pinned } from "../row/pinned.js";
import { List } from "../rows/list.js";
import { Table } from "../table/table.js";
import { SearchBar } from "./bar.js";
import { FollowButton, FollowStrip } from "./following.js";
import { Outcome } from "./outcome.js";
import { Found, Warnings } from "./found.js";
import { mistake } from "./state.js";
import { When } from "./when.js";

export function Explorer() {
  const piped = hasPipes(view.value.query);
  return html`
    <h1 class="sr">${t("bar.explore")}</h1>
    <div class="asking">
      <${SearchBar} />
      <div class="when"><${When} />${!piped && html`<${FollowButton} />`}</div>
    </div>
    ${piped
      ? html`<${Found} /><${Warnings} /><${Table} /><${Outcome} />`
      : html`
          <${Histogram} />
          <div class="beside">
            ${!mistake.value && html`<${Facets} />`}
            <div class="answer">
              <${Found} />
              <${Warnings} />
              <${FollowStrip} />
              <${Pinned} />
              <${List} />
              <${Outcome} />
            </div>
          </div>
        `}
  `;
}
