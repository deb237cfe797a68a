// @ts-check
// Clauses: how a clicked value becomes part of the query, and never a different question.

/** A field that a query can name without tricks: letters, digits, `_`, `-`, `.`, `@`. @param {string} name */
export function isField(name) {
  return /^[\p{L}_@][\p{L}\p{N}\p{M}_.@-]*$/u.test(name);
}

/**
 * `field:value`, or its negation.
 * @param {string} field
 * @param {string | number | boolean} value
 * @param {boolean} [negated]
 * @returns {string | null} null where the language cannot say it
 */
export function clause(field, value, negated = false) {
  const quoted = quote(String(value));
  if (!isField(field) || quoted === null) return null;
  return `${negated ? "-" : ""}${field}:${quoted}`;
}

/** A value as a word, a phrase in quotes or a piece in back-ticks: whichever holds it. @param {string} value */
function quote(value) {
  if (/^[\p{L}\p{N}_][\p{L}\p{N}\p{M}_.@+-]*$/u.test(value) && !value.includes("..") && !/^(AND|OR|NOT)$/.test(value)) return value;
  if (value.trim() === "" || /[\n\r]/.test(value)) return null;
  if (!/["\\]/.test(value)) return `"${value}"`;
  if (value.startsWith("`") || value.endsWith("`")) return null;
  // A fence longer than every run of back-ticks within.
  const longest = Math.max(0, ...(value.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return fence + value + fence;
}

/**
 * The query with a clause more: before its pipes, and around an OR. A clause that is there already is not doubled, and one whose opposite is
 * there takes its place.
 * @param {string} query
 * @param {string} added
 */
export function withClause(query, added) {
  const { filter, pipes, hasOr, words } = scan(query.trim());
  if (words.includes(added)) return query;
  const opposite = added.startsWith("-") ? added.slice(1) : `-${added}`;
  const kept = words.includes(opposite) && !hasOr ? words.filter((word) => word !== opposite).join(" ") : filter;
  const both = kept === "" ? added : hasOr ? `(${kept}) ${added}` : `${kept} ${added}`;
  return pipes === "" ? both : `${both} ${pipes}`;
}

/**
 * The parts of a query; quotes, back-ticks and parentheses hide what they hold.
 * @param {string} query
 * @returns {{filter: string, pipes: string, hasOr: boolean, words: string[]}} `words` are the pieces between spaces at top level
 */
function scan(query) {
  /** @type {string[]} */
  const words = [];
  let start = 0;
  let depth = 0;
  let at = 0;
  const close = () => {
    if (at > start) words.push(query.slice(start, at));
  };
  while (at < query.length) {
    const c = query[at];
    if (c === '"' || c === "`") {
      at = skipQuoted(query, at);
      continue;
    }
    if (c === "(") depth++;
    else if (c === ")") depth--;
    else if (depth <= 0 && c === "|") break;
    else if (depth <= 0 && /\s/.test(c)) {
      close();
      start = at + 1;
    }
    at++;
  }
  close();
  return { filter: query.slice(0, at).trim(), pipes: query.slice(at), hasOr: words.includes("OR"), words };
}

/** Behind the quoted piece that begins here; the end where it is not closed. @param {string} query @param {number} from */
function skipQuoted(query, from) {
  if (query[from] === '"') {
    let at = from + 1;
    while (at < query.length && query[at] !== '"') at += query[at] === "\\" ? 2 : 1;
    return Math.min(at + 1, query.length);
  }
  const fence = /^`+/.exec(query.slice(from))?.[0] ?? "`";
  const end = query.indexOf(fence, from + fence.length);
  return end < 0 ? query.length : end + fence.length;
}

/** Whether something stands behind a `|`: such a query makes a table. @param {string} query */
export function hasPipes(query) {
  return scan(query.trim()).pipes !== "";
}

/** Whether the query has this clause at top level. @param {string} query @param {string} wanted */
export function hasClause(query, wanted) {
  return scan(query.trim()).words.includes(wanted);
}

/** The query without a clause at top level. @param {string} query @param {string} unwanted */
export function withoutClause(query, unwanted) {
  const { pipes, hasOr, words } = scan(query.trim());
  if (hasOr) return query;
  return [words.filter((word) => word !== unwanted).join(" "), pipes].filter(Boolean).join(" ");
}
