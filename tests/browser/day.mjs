// A day of the demo's telcos with ten causes planted in it, pushed through the real door: what the complaints of the tour are about. The same seed gives the same lines; only the day is today's.
//
// The demo itself prints the last two hours; this is what was before. Every planted line is what the module of that kind prints, and no line says what a test looks for in the page.
import assert from "node:assert/strict";

const HOUR_MS = 3_600_000;
const SECOND_MS = 1_000;
/** From so many hours ago to so many: within what a clock may be off, and before the demo's own lines. */
const [FROM_H, TO_H] = [22, 2.2];
/** Of each instance one line in so many seconds. */
const EVERY_S = 25;

/** A generator of numbers below 1. @param {number} seed */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const hex = (roll, length) => Array.from({ length }, () => Math.floor(roll() * 16).toString(16)).join("");

/** What a quiet module says. */
const NOISE = [
  ["info", "Request served"], ["info", "Session opened"], ["info", "Cache refreshed"], ["debug", "Heartbeat"], ["debug", "Queue is empty"], ["info", "Record written"],
  ["info", "Upstream answered"], ["warn", "Upstream answered slowly"], ["debug", "Lease renewed"], ["info", "Job finished"],
];

/** The ten causes. Each is a list of [seconds after its beginning, module, level, message, more]. */
export const CASES = {
  sms_timeout: {
    csp: "434", hours: 9.2, number: "380501112233",
    lines: ({ number }) => [
      [0, "vonage-sms", "info", "SMS accepted for delivery", { account_id: `${number}@msisdn`, extra: { msisdn: [number], sender: "DniproMob", parts: 1 } }],
      [0.1, "vonage-sms", "debug", "Submitting to provider vonage, attempt 1", { extra: { provider: "vonage", attempt: 1 } }],
      [10.1, "vonage-sms", "error", "Provider request timed out after 10000 ms, attempt 1 of 3", { duration_ms: 10_020 }],
      [21.2, "vonage-sms", "error", "Provider request timed out after 10000 ms, attempt 2 of 3", { duration_ms: 10_008 }],
      [33.3, "vonage-sms", "error", "Provider request timed out after 10000 ms, attempt 3 of 3", { duration_ms: 10_013 }],
      [33.4, "vonage-sms", "error", "SMS delivery failed: provider unavailable, giving up", { account_id: `${number}@msisdn`, extra: { msisdn: [number], attempts: 3 } }],
    ],
  },
  sms_expired: {
    csp: "434", hours: 14.5, number: "380667654321",
    lines: ({ number }) => [
      [0, "vonage-sms", "info", "SMS accepted for delivery", { account_id: `${number}@msisdn`, extra: { msisdn: [number], parts: 1 } }],
      [0.3, "vonage-sms", "info", "Provider accepted the message", { duration_ms: 214, account_id: `${number}@msisdn` }],
      [190, "vonage-sms", "warn", "Delivery receipt: expired", { account_id: `${number}@msisdn`, extra: { msisdn: [number], status: "expired", "err-code": 4 } }],
    ],
  },
  code_expired: {
    csp: "434", hours: 5.4, number: "380951230099",
    lines: ({ number }) => [
      [0, "otp-sender", "info", "Sign-in code sent", { account_id: `${number}@msisdn`, extra: { valid_s: 120 } }],
      [1, "vonage-sms", "info", "SMS accepted for delivery", { account_id: `${number}@msisdn` }],
      [158, "vonage-sms", "info", "Delivery receipt: delivered", { account_id: `${number}@msisdn` }],
      [161, "otp-sender", "warn", "Sign-in refused: the code has expired 41 s ago", { account_id: `${number}@msisdn` }],
    ],
  },
  ledger: {
    csp: "517", hours: 11.1, number: "34691222333",
    lines: ({ number }) => [
      [0, "self-care", "info", "Top-up started", { account_id: `${number}@msisdn`, extra: { amount: 20 } }],
      [0.4, "pay-bridge", "info", "Card authorised", { account_id: `${number}@msisdn`, duration_ms: 412 }],
      [0.9, "cdr-billing", "error", "Balance not booked: deadlock detected, transaction rolled back", { account_id: `${number}@msisdn` }],
      [1.1, "self-care", "info", "Top-up finished", { account_id: `${number}@msisdn` }],
    ],
  },
  declined: {
    csp: "434", hours: 4.2, number: "380507770001",
    lines: ({ number }) => [
      [0, "self-care", "info", "Top-up started", { account_id: `${number}@msisdn`, extra: { amount: 50 } }],
      [1.6, "pay-bridge", "warn", "Payment declined by the issuer: insufficient funds", { account_id: `${number}@msisdn`, duration_ms: 1_570 }],
      [1.7, "self-care", "warn", "Top-up failed", { account_id: `${number}@msisdn` }],
    ],
  },
  trunk: {
    csp: "902", hours: 7.3, times: 40,
    lines: ({ roll }) => [
      [0, "sip-control", "info", "INVITE received", { call_id: `${hex(roll, 10)}@pbx.example` }],
      [0.2, "sip-control", "error", "Call failed: 503 Service Unavailable", { extra: { trunk: "harbour-2" } }],
    ],
  },
  codec: {
    csp: "517", hours: 16.6, call: "a84b4c76e66710@pc33.iberia.example",
    lines: ({ call }) => [
      [0, "sip-control", "info", "INVITE received", { call_id: call }],
      [0.3, "sip-control", "warn", "Call failed: 488 Not Acceptable Here, no common codec", { call_id: call, extra: { offered: ["G729"], known: ["PCMA", "opus"] } }],
    ],
  },
  porting: {
    csp: "517", hours: 18.8, order: "NP-20771234",
    lines: ({ order }) => [
      [0, "number-porting", "info", `Order ${order}: new → validated`, { extra: { order } }],
      [5.2, "number-porting", "error", `Order ${order} not requested: connection pool exhausted, 20 in use, waited 5000 ms`, { extra: { order } }],
    ],
  },
  esim: {
    csp: "434", hours: 12.7, iccid: "8938003992145678901",
    lines: ({ iccid }) => [
      [0, "esim-hub", "info", "SIM event received", { extra: { iccid } }],
      [0.8, "esim-hub", "info", "downloadOrder done", { extra: { iccid } }],
      [1.9, "esim-hub", "error", "confirmOrder refused: the profile is already downloaded by another device", { extra: { iccid, code: "8.2.5" } }],
    ],
  },
  roaming: {
    csp: "434", hours: 3.1, number: "380660001122",
    lines: ({ number }) => [
      [0, "roam-steer", "info", "Location update from 262-01", { account_id: `${number}@msisdn` }],
      [0.4, "roam-steer", "warn", "Update refused: roaming is barred by the plan", { account_id: `${number}@msisdn`, extra: { network: "262-01" } }],
    ],
  },
};

const call = async (world, method, path, token, body, type = "application/json") => {
  const answer = await fetch(`${world.address}/api/v1/${path}`, { method, headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": type }) }, body });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${text}`);
  return text ? JSON.parse(text) : {};
};

/** Pushes the day; the ids that the complaints bring along, by case. */
export async function plant(world, seed = 11) {
  const roll = dice(seed);
  const now = Date.now();
  const { instances } = await call(world, "GET", "instances", world.staff);
  /** @type {Map<string, {instance: {id: string, partner: string, module: string, csp: string}, lines: string[]}>} */
  const all = new Map(instances.map((instance) => [`${instance.module}/${instance.csp}`, { instance, lines: [] }]));
  const print = (module, csp, ms, level, message, more) => all.get(`${module}/${csp}`)?.lines.push(JSON.stringify({ timestamp: new Date(ms).toISOString(), level, message, ...more }));
  for (const { instance } of all.values()) {
    for (let ms = now - FROM_H * HOUR_MS; ms < now - TO_H * HOUR_MS; ms += EVERY_S * SECOND_MS * (0.5 + roll())) {
      const [level, message] = NOISE[Math.floor(roll() * NOISE.length)];
      print(instance.module, instance.csp, ms, level, message, { request_id: hex(roll, 32), duration_ms: Math.floor(roll() * 400) });
    }
  }
  const told = {};
  for (const [name, each] of Object.entries(CASES)) {
    for (let time = 0; time < (each.times ?? 1); time++) {
      const request_id = hex(roll, 32);
      told[name] = { ...each, request: request_id, at: now - each.hours * HOUR_MS };
      const begin = now - each.hours * HOUR_MS + time * 4 * SECOND_MS;
      for (const [after, module, level, message, more] of each.lines({ ...each, roll })) print(module, each.csp, begin + after * SECOND_MS, level, message, { request_id, ...more });
    }
  }
  let lines = 0;
  for (const [, { instance, lines: own }] of all) {
    const { token } = await call(world, "POST", "tokens", world.staff, JSON.stringify({ kind: "ingest", partner: instance.partner, instances: [instance.id] }));
    const said = await call(world, "POST", "ingest", token, own.join("\n"), "application/x-ndjson");
    assert.equal(said.accepted, own.length, JSON.stringify(said).slice(0, 400));
    lines += own.length;
  }
  return { cases: told, lines };
}
