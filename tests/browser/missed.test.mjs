// Following after a long pause: the page goes on from the present, says how many lines it left out, and fetches them to their place.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { browse, open, overflow, serve, signIn } from "./harness.mjs";

/** What the page is made to take for a long pause, and for many lines that wait. */
const LAG_MS = 3_000;
const WAITING = 100;

let world;
let door;
before(async () => {
  world = { ...(await serve({ "martlog.toml": "[serve]\n" })), browser: await browse() };
  await send("partners", { id: "acme" });
  await send("modules", { id: "sms", partner: "acme" });
  await send("instances", { id: "sms-434", module: "sms", csp: "434", selector: { namespace: "ns-sms" } });
  door = (await send("tokens", { kind: "ingest", partner: "acme" })).token;
});
after(async () => {
  await world?.browser.close();
  await world?.stop();
});

async function send(path, what, token = world.staff) {
  const lines = typeof what === "string";
  const answer = await fetch(`${world.address}/api/v1/${path}`, { method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": lines ? "application/x-ndjson" : "application/json" }, body: lines ? what : JSON.stringify(what) });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`);
  return answer.json();
}

let printed = 0;
/** Prints so many lines, now; in pieces, so that they arrive at different times. */
async function print(count) {
  for (let left = count; left > 0; left -= 500) {
    const lines = Array.from({ length: Math.min(left, 500) }, () => JSON.stringify({ timestamp: new Date().toISOString(), level: "info", message: `line ${printed++}` }));
    await send("ingest", lines.join("\n"), door);
  }
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** Lines that the page has, in the order of its list from the top. */
const numbers = (page) =>
  page.evaluate(async () => {
    const { rows } = await import("/assets/rows/store.js");
    return Array.from({ length: rows.count }, (_, at) => Number(rows.row(rows.at(at)).message.split(" ").at(-1)));
  });
const has = (page, count) => page.waitForFunction((wanted) => import("/assets/rows/store.js").then(({ rows }) => rows.loaded >= wanted), count);
const whole = (count) => Array.from({ length: count }, (_, at) => count - 1 - at);

/** A page that follows, and takes little for much. */
async function following(path = "/?q=line&from=-5m&follow=1", options = {}) {
  const opened = await open(world, options);
  await opened.page.route("**/assets/search/follow.js", async (route) => {
    const file = await route.fetch();
    const text = await file.text();
    assert.ok(text.includes("WAITING_MAX = 20_000") && text.includes('LAG_MAX = "2m"'));
    await route.fulfill({ response: file, body: text.replace("WAITING_MAX = 20_000", `WAITING_MAX = ${WAITING}`).replace('LAG_MAX = "2m"', `LAG_MAX = "${LAG_MS / 1_000}s"`) });
  });
  await signIn(opened.page, world, world.staff, path);
  await opened.page.waitForSelector(".strip.open");
  return opened;
}

/** The reader looks away while so many lines come, and comes back after a while. */
async function away(page, count) {
  await page.click("#pause");
  await print(WAITING);
  await page.waitForSelector(".strip.resting");
  await print(count);
  await wait(LAG_MS + 500);
  await page.click("#pause");
  await page.waitForSelector(".strip.open");
}

test("what was left out is counted, and fetched to its place", async () => {
  const { page, shot, close } = await following();
  await print(30);
  await has(page, 30);
  await away(page, 3_000);
  await page.waitForSelector("#missed li button");
  await page.waitForFunction(() => /\d,\d{3} lines/.test(document.querySelector("#missed li")?.textContent ?? ""));
  const told = Number((await page.textContent("#missed li")).match(/About ([\d,]+) lines/)[1].replace(",", ""));
  assert.ok(Math.abs(told - 3_000) <= WAITING, `told ${told}`);
  assert.ok((await page.locator("#rows > li").count()) > 0);
  await shot("follow-missed");
  // New lines come meanwhile.
  await print(20);
  await page.waitForFunction((last) => document.querySelector("#rows > li .text")?.textContent.endsWith(` ${last}`), printed - 1);
  assert.ok(!(await numbers(page)).includes(1_000), "it is not fetched unless it is asked for");

  // The server is away when it is asked for: it says so, and gives it the next time.
  await page.route(/\/tail\?.*cursor=/, (route) => route.abort());
  await page.click("#missed li button");
  await page.waitForFunction(() => document.querySelector("#missed li strong")?.textContent.includes("try again"));
  await page.unroute(/\/tail\?.*cursor=/);
  await page.click("#missed li button");
  await page.waitForSelector("#missed", { state: "detached" });
  assert.deepEqual(await numbers(page), whole(printed), "every line once, in the order in which they came");
  // Rows that have moved are drawn under their new numbers: the keys find them.
  await page.evaluate(() => scrollTo({ top: 0 }));
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.ok(await page.evaluate(() => document.activeElement?.closest("#rows > li") !== null));
  await page.evaluate(() => scrollTo({ top: document.documentElement.scrollHeight / 2 }));
  await page.waitForFunction(() => document.elementsFromPoint(innerWidth / 2, innerHeight / 2).some((element) => element.closest("#rows > li")));
  await close();
});

test("few lines are fetched without being asked for, and what retention took is told as gone", async () => {
  const { page, close } = await following();
  const before = printed;
  await print(10);
  await has(page, 10);
  await away(page, 200);
  await has(page, before + 310);
  await page.waitForSelector("#missed", { state: "detached" });
  const there = await numbers(page);
  assert.deepEqual(there.slice(0, 310), whole(printed).slice(0, 310));
  await page.evaluate(async () => {
    const { note } = await import("/assets/search/missed.js");
    note("line", { from: "2026-11-30T10:00:00Z", to: "2026-11-30T10:00:05.25Z" }, "", true);
  });
  await page.waitForSelector("#missed li");
  assert.match(await page.textContent("#missed li"), /may have been removed/);
  assert.equal(await page.locator("#missed li button").count(), 0);
  // Another question forgets it.
  await page.fill("#query", "line 1");
  await page.press("#query", "Enter");
  await page.waitForSelector("#missed", { state: "detached" });
  await close();
});

test("on a phone it fits, in the language of its reader", async () => {
  const { page, shot, close } = await following(undefined, { viewport: { width: 320, height: 700 }, locale: "uk-UA", colorScheme: "dark" });
  await page.evaluate(async () => {
    const { note } = await import("/assets/search/missed.js");
    for (let at = 0; at < 12; at++) note("line", { from: `2026-11-30T10:00:${10 + at}Z`, to: `2026-11-30T10:00:${10 + at}.5Z`, cursor: "x" }, "", false);
  });
  await page.waitForFunction(() => document.querySelectorAll("#missed li").length === 5);
  assert.match(await page.textContent("#missed"), /пропущено/);
  assert.ok((await overflow(page)) <= 0);
  await shot("follow-missed-phone");
  await close();
});
