// @ts-check
// A record's text in pieces: what has a problem and what has none. Where problems overlap, the first one's colour is seen and the piece names all.

/** Characters that are shown of a long record. */
const SHOWN_MAX = 4_000;

/**
 * @param {string} text
 * @param {import("./check.js").Checked} record
 * @returns {{piece: string, at: number, codes: string[]}[]} `at` is the number of the problem, −1 where there is none
 */
export function marked(text, { line, lines, problems }) {
  const [begin, end] = bounds(text, line, lines);
  const spans = problems.flatMap(({ code, spans }, at) => spans.map(({ utf16: [from, to] }) => ({ from: Math.max(from, begin), to: Math.min(to, end), at, code })));
  const cuts = new Set([begin, end]);
  for (const { from, to } of spans) cuts.add(from).add(to);
  const places = [...cuts].filter((place) => place >= begin && place <= end).sort((a, b) => a - b);
  /** @type {{piece: string, at: number, codes: string[]}[]} */
  const pieces = [];
  for (let index = 0; index < places.length; index++) {
    const [from, to] = [places[index], places[index + 1] ?? places[index]];
    const points = spans.filter((span) => span.from === span.to && span.from === from);
    if (points.length > 0) pieces.push({ piece: "", at: points[0].at, codes: points.map(({ code }) => code) });
    if (from === to) continue;
    const over = spans.filter((span) => span.from <= from && span.to >= to && span.from < span.to);
    pieces.push({ piece: text.slice(from, to), at: over[0]?.at ?? -1, codes: over.map(({ code }) => code) });
  }
  return pieces;
}

/** Where a record's lines begin and end in the text, UTF-16 units. @param {string} text @param {number} line from 1 @param {number} lines */
function bounds(text, line, lines) {
  let begin = 0;
  for (let at = 1; at < line; at++) begin = text.indexOf("\n", begin) + 1;
  let end = begin;
  for (let at = 0; at < lines; at++) {
    const next = text.indexOf("\n", end + (at > 0 ? 1 : 0));
    end = next < 0 ? text.length : next;
  }
  return [begin, Math.min(end, begin + SHOWN_MAX)];
}
