// Many lines, pushed through the real door: those of the budgets. A day of one partner's instances, unevenly busy, as the demo's modules print them.
import assert from "node:assert/strict";

const HOUR_MS = 3_600_000;
/** Lines of one request; the door takes 50,000 at most. */
const PIECE = 20_000;
const MESSAGES = ["Request served", "SMS accepted for delivery", "Submitting to provider vonage, attempt 1", "Provider accepted the message", "Delivery receipt: delivered", "Queue depth 14", "Sign-in code sent", "Retrying in 1000 ms", "Upstream answered slowly", "Provider request timed out after 10000 ms, attempt 1 of 3"];
const LEVELS = ["info", "info", "debug", "info", "info", "debug", "info", "warn", "warn", "error"];

const send = async (world, method, path, token, body, type = "application/json") => {
  const answer = await fetch(`${world.address}/api/v1/${path}`, { method, headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": type }) }, body });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
};

/** Pushes so many lines over the last day; the busiest instance has a third of them. */
export async function fill(world, count) {
  const began = Date.now();
  const { instances } = await send(world, "GET", "instances", world.staff);
  const { partner } = instances[0];
  const own = instances.filter((each) => each.partner === partner);
  const { token } = await send(world, "POST", "tokens", world.staff, JSON.stringify({ kind: "ingest", partner, instances: own.map(({ id }) => id) }));
  let ofInstance = 0;
  for (let sent = 0, turn = 0; sent < count; turn++) {
    const instance = turn % 3 === 0 ? own[0] : own[1 + (turn % (own.length - 1))];
    const piece = Math.min(PIECE, count - sent);
    // Each piece lies in its part of the day.
    const begin = began - 23.5 * HOUR_MS + (sent / count) * 23 * HOUR_MS;
    const step = ((piece / count) * 23 * HOUR_MS) / piece;
    const lines = Array.from({ length: piece }, (_, at) => {
      const kind = (at * 7 + turn) % MESSAGES.length;
      const id = (sent + at).toString(16).padStart(32, "4f");
      return JSON.stringify({ timestamp: new Date(begin + at * step).toISOString(), level: LEVELS[kind], message: MESSAGES[kind], request_id: id, account_id: `38050${1_000_000 + ((at * 7_919) % 9_000_000)}@msisdn`, duration_ms: (at * 31) % 900, extra: { provider: "vonage", attempt: 1 + (at % 3) } });
    });
    await send(world, "POST", `ingest?instance=${instance.id}`, token, lines.join("\n"), "application/x-ndjson");
    if (instance === own[0]) ofInstance += piece;
    sent += piece;
  }
  return { seconds: (Date.now() - began) / 1_000, instance: own[0].id, partner, ofInstance };
}
