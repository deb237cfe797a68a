// @ts-check
// Plain-language causes: what the lines of a request say to whoever does not know the module. A table of rules, the surest first.
//
// Invariants: a rule judges by the messages of lines that are shown, so a reader is told nothing that is beyond its reach; it names the line that it goes by; where no rule
// knows, nothing is said. What a rule says is a sentence of the catalogues, `cause.NAME`, with what the line says put in.

/** @typedef {{level: string, module: string, message: string}} Seen */
/** @typedef {{name: string, pattern: RegExp}} Rule */

/** @type {Rule[]} */
export const RULES = [
  { name: "providerDown", pattern: /no provider accepted|provider unavailable/i },
  { name: "providerSlow", pattern: /provider request timed out after (?<ms>\d+) ms/i },
  { name: "optedOut", pattern: /recipient (?:has )?opted out|number is on the (?:stop|block) list/i },
  { name: "handsetAway", pattern: /delivery receipt: expired|absent subscriber/i },
  { name: "networkRefused", pattern: /delivery receipt: rejected/i },
  { name: "ledgerRolledBack", pattern: /deadlock (?:found|detected)[^]*|transaction rolled back/i },
  { name: "poolExhausted", pattern: /(?:connection )?pool (?:is )?(?:exhausted|timed? ?out)|could not (?:get|obtain) a connection|QueuePool limit/i },
  { name: "acquirerDown", pattern: /acquirer (?:is )?(?:unreachable|unavailable|down|did not answer)/i },
  { name: "cardDeclined", pattern: /(?:card |payment )?declined(?: by the issuer)?:? ?(?<reason>[\p{L} ]{3,40})?/iu },
  { name: "trunkDown", pattern: /\b503\b.*service unavailable|no trunk (?:is )?available/i },
  { name: "noCommonCodec", pattern: /\b488\b|no common codec|codec (?:mismatch|negotiation failed)/i },
  { name: "balanceEmpty", pattern: /insufficient (?:balance|credit)|balance exhausted/i },
  { name: "roamingBarred", pattern: /roaming (?:is )?(?:barred|not allowed)/i },
  { name: "profileTaken", pattern: /profile (?:is )?already (?:downloaded|installed|claimed)/i },
  { name: "codeExpired", pattern: /code (?:has )?expired(?: (?<seconds>\d+) s ago)?/i },
  { name: "codeWrong", pattern: /wrong (?:sign-in )?code/i },
  { name: "mailboxFull", pattern: /mailbox (?:is )?full/i },
  { name: "certificateExpired", pattern: /certificate (?:has |is )?expired/i },
  { name: "nameUnknown", pattern: /ENOTFOUND|getaddrinfo|name or service not known|no such host/i },
  { name: "diskFull", pattern: /no space left on device|disk (?:quota|is) (?:exceeded|full)/i },
  { name: "tooOften", pattern: /\b429\b|too many requests|rate limit(?:ed| exceeded)/i },
  { name: "outOfMemory", pattern: /out of memory|OutOfMemoryError|heap out of memory/i },
];

/**
 * What a rule knows of these lines; null where none does.
 * @param {Seen[]} lines in the order of time
 * @returns {{name: string, at: number, values: Record<string, string>} | null} `at` is the line that says it
 */
export function causeOf(lines) {
  for (const { name, pattern } of RULES) {
    const at = lines.findIndex(({ level, message }) => isBad(level) && pattern.test(message));
    if (at >= 0) return { name, at, values: said(pattern.exec(lines[at].message)?.groups) };
  }
  return null;
}

/** Good news names no cause; lines without a level may. @param {string} level */
function isBad(level) {
  return level === "" || level === "none" || level === "warn" || level === "error" || level === "fatal";
}

/** @param {Record<string, string | undefined> | undefined} groups */
function said(groups) {
  return Object.fromEntries(Object.entries(groups ?? {}).map(([name, value]) => [name, (value ?? "").trim()]));
}
