// @ts-check
// A clicked value becomes part of the question.

import { go, view } from "../app/address.js";
import { withClause } from "../lib/query.js";

/** @param {string} clause taken into the query */
export function narrow(clause) {
  go({ page: "explore", query: withClause(view.peek().query, clause), row: "" });
}
