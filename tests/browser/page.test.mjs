// The page in a real browser (Debian's chromium) over the real demo, flow by flow, as a partner and as support. Run by `tests/run browser`; MARTLOG is the binary.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { ask, lines, open, overflow, signIn, start } from "./harness.mjs";

let world;
before(async () => (world = await start()));
after(() => world?.stop());

const rowCount = (page) => page.locator("#rows > li").count();
const firstRow = (page) => page.textContent("#rows > li .text");

for (const who of ["partner", "staff"]) {
  test(`${who}: sign in, search, correct a mistake, go back, sign out`, async () => {
    const { page, shot, close } = await open(world);
    await page.goto(world.address);
    await shot("sign-in");
    await page.fill("#token", "mart_partner_wrong_000000");
    await page.click("#sign-in button[type=submit]");
    await page.waitForSelector("#door-error:not([hidden])");
    await signIn(page, world, world[who], "/?q=&from=-1h");
    await lines(page);
    await page.waitForSelector("#histogram svg");
    await shot(`explorer-${who}`);
    await page.fill("#query", "level>=warn");
    await page.press("#query", "Enter");
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "level>=warn");
    await lines(page);
    const levels = await page.locator("#rows > li .level").allTextContents();
    assert.ok(levels.length > 0 && levels.every((level) => ["warn", "error", "fatal"].includes(level)), String(levels));
    const found = await ask(page, "search", { query: "", from: "-24h", limit: 1000 });
    const partners = new Set(found.trim().split("\n").map((line) => JSON.parse(line).row?.partner).filter(Boolean));
    assert.ok(who === "staff" ? partners.size > 1 : partners.size === 1, `${who} sees ${[...partners]}`);
    await page.fill("#query", "level:eror");
    await page.press("#query", "Enter");
    await page.waitForSelector("#query-error:not([hidden])");
    assert.equal(await page.textContent(".under mark"), "level:eror");
    await shot("mistake");
    await page.click("#query-error button.fix");
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "level:error");
    await page.goBack();
    await page.waitForSelector("#query-error:not([hidden])");
    await page.goBack();
    await page.waitForSelector("#query-error", { state: "hidden" });
    assert.equal(await page.inputValue("#query"), "level>=warn");
    await page.click("#sign-out");
    await page.waitForSelector("#door");
    assert.equal((await page.context().cookies()).filter((cookie) => cookie.value !== "").length, 0);
    await close();
  });

  test(`${who}: what happened? A customer, an id and a text each lead to lines`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who]);
    await page.waitForSelector(".instances tbody tr");
    await page.fill("#what", "434");
    await shot(`start-${who}`);
    await page.press("#what", "Enter");
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "csp:434");
    await lines(page);
    await page.goBack();
    await page.fill("#what", world.request);
    await page.press("#what", "Enter");
    await page.waitForFunction(() => new URL(location.href).searchParams.has("request"));
    await page.goBack();
    await page.fill("#what", "timed out");
    await page.press("#what", "Enter");
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === '"timed out"');
    await page.goBack();
    await page.waitForSelector(".instances tbody tr");
    await page.click(".instances tbody tr:first-child th a");
    await lines(page);
    assert.match(await page.inputValue("#query"), /^instance:/);
    await close();
  });

  test(`${who}: fields and values narrow by a click and are taken back by another`, async () => {
    const { page, close } = await open(world);
    await signIn(page, world, world[who], "/?q=&from=-1h");
    await lines(page);
    const value = page.locator(".facet", { has: page.locator('h3 >> text="module"') }).locator("li .value").first();
    const module = await value.textContent();
    await value.click();
    await page.waitForFunction((name) => new URL(location.href).searchParams.get("q") === `module:${name}`, module);
    await lines(page);
    assert.ok((await page.locator("#rows > li .module").allTextContents()).every((text) => text.startsWith(module)));
    await value.click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "");
    await lines(page);
    await page.locator(".legend button", { hasText: "info" }).click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "-level:info");
    await lines(page);
    assert.ok(!(await page.locator("#rows > li .level").allTextContents()).includes("info"));
    await page.locator(".legend button", { hasText: "info" }).click();
    await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "");
    await close();
  });

  test(`${who}: a line opens in place, with its fields, its surroundings and its whole request`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], "/?q=request_id:*+level:info&from=-1h");
    await lines(page);
    await page.click("#rows > li:nth-child(2) .head");
    await page.waitForSelector("#rows > li .detail .way");
    assert.ok(new URL(page.url()).searchParams.get("row"), "the open line is in the address");
    await page.locator(".detail .actions button").first().click();
    await page.waitForSelector(".context li.here");
    assert.ok((await page.locator(".context li").count()) > 1);
    await shot(`row-${who}`);
    const leaf = page.locator(".detail .tree li", { hasText: "request_id" }).first();
    await leaf.hover();
    await leaf.locator(".tools button", { hasText: "▥" }).click();
    await page.waitForSelector(".column-heads .own");
    assert.ok(new URL(page.url()).searchParams.get("cols"), "the column is in the address");
    await leaf.hover();
    await leaf.locator(".tools button", { hasText: "≡" }).click();
    await page.waitForSelector(".detail .top li");
    const address = page.url();
    // The line is open again, also where newer ones have pushed it out of the first page.
    await page.reload();
    await page.waitForSelector(".detail .way");
    assert.equal(page.url(), address);
    await page.locator(".detail .actions a").click();
    await page.waitForSelector(".story .step");
    await page.click(".story .step .head");
    await page.waitForSelector(".story .detail .way");
    await shot(`request-${who}`);
    await page.goBack();
    await page.waitForSelector(".detail .way");
    await close();
  });

  test(`${who}: a drag over the histogram zooms in, and the back button out`, async () => {
    const { page, close } = await open(world);
    await signIn(page, world, world[who], "/?q=&from=-1h");
    await lines(page);
    const before = page.url();
    const box = await page.locator("#histogram svg[role]").boundingBox();
    await page.mouse.move(box.x + box.width * 0.6, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, box.y + 30, { steps: 4 });
    await page.mouse.up();
    await page.waitForFunction(() => new URL(location.href).searchParams.get("to"));
    await lines(page);
    const { from, to } = Object.fromEntries(new URL(page.url()).searchParams);
    const width = (Date.parse(to) - Date.parse(from)) / 60_000;
    assert.ok(width > 8 && width < 16, `a fifth of an hour, not ${width} minutes`);
    await page.goBack();
    assert.equal(page.url(), before);
    await close();
  });

  test(`${who}: the format problems name what to mend, with samples`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], "/?problems");
    await page.waitForSelector(".version-card .kinds");
    await page.locator(".kind button").first().click();
    await page.waitForSelector(".samples pre");
    await shot(`problems-${who}`);
    await page.locator(".kind a").first().click();
    await lines(page);
    assert.match(await page.inputValue("#query"), /problem:\w+/);
    await close();
  });

  test(`${who}: follow shows new lines as they are printed, and a pause loses none`, async () => {
    const { page, shot, close } = await open(world, { colorScheme: "dark" });
    await signIn(page, world, world[who], "/?q=&from=-5m");
    await lines(page);
    const first = await firstRow(page);
    await page.click("#follow");
    await page.waitForFunction((text) => document.querySelector("#rows > li .text")?.textContent !== text, first);
    await page.waitForSelector(".strip.open");
    await shot(`follow-dark-${who}`);
    await page.click("#pause");
    await page.waitForSelector("#fresh");
    await page.click("#fresh");
    await page.waitForSelector("#fresh", { state: "detached" });
    // From the beginning of the following to its newest line, every line that the server has is here.
    await page.click("#pause");
    const [newest, oldest] = await page.evaluate(async () => {
      const { rows } = await import("/assets/rows/store.js");
      const arrived = rows.newer.map((entry) => rows.row(entry)).map((row) => ({ id: row.id, at: row.arrived })).sort((a, b) => a.at.localeCompare(b.at));
      return [arrived.at(-1).at, arrived[0].at];
    });
    const answer = await ask(page, "search", { query: "", from: "-10m", limit: 10_000 });
    const expected = answer.trim().split("\n").map((line) => JSON.parse(line).row).filter((row) => row && row.arrived > oldest && row.arrived < newest).map((row) => row.id);
    const missing = await page.evaluate(async (ids) => {
      const { rows } = await import("/assets/rows/store.js");
      return ids.filter((id) => !rows.byId.has(id));
    }, expected);
    assert.ok(expected.length > 0);
    assert.deepEqual(missing, [], `${missing.length} of ${expected.length} lines are missing`);
    await close();
  });
}

test("a pause of any length loses nothing: the connection is let go, and goes on from its place", async () => {
  const { page, close } = await open(world);
  // What may wait is made little, so that the test need not wait long for it.
  await page.route("**/assets/search/follow.js", async (route) => {
    const file = await route.fetch();
    const text = await file.text();
    assert.ok(text.includes("WAITING_MAX = 20_000"));
    await route.fulfill({ response: file, body: text.replace("WAITING_MAX = 20_000", "WAITING_MAX = 100") });
  });
  await signIn(page, world, world.staff, "/?q=&from=-5m&follow=1");
  await page.waitForSelector(".strip.open");
  await page.waitForFunction(() => import("/assets/rows/store.js").then(({ rows }) => rows.newer.length > 0));
  await page.click("#pause");
  await page.waitForSelector(".strip.resting");
  const printed = await page.evaluate(() => new Date().toISOString());
  await page.click("#pause");
  await page.waitForFunction((since) => import("/assets/rows/store.js").then(({ rows }) => rows.newer.some((entry) => rows.row(entry).arrived > since)), printed);
  await page.click("#pause");
  const missing = await page.evaluate(async () => {
    const { rows } = await import("/assets/rows/store.js");
    const arrived = rows.newer.map((entry) => rows.row(entry).arrived).sort();
    const answer = await fetch("/api/v1/search", { method: "POST", headers: { "Content-Type": "application/json", "X-Martlog-Request": "1" }, body: JSON.stringify({ query: "", from: "-10m", limit: 10000 }) });
    const there = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line).row).filter((row) => row && row.arrived > arrived[0] && row.arrived < arrived.at(-1));
    return { of: there.length, missing: there.filter((row) => !rows.byId.has(row.id)).length };
  });
  assert.ok(missing.of > 100, JSON.stringify(missing));
  assert.equal(missing.missing, 0, JSON.stringify(missing));
  await close();
});

test("what is pasted is recognised", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner);
  const read = (text) => page.evaluate(async (said) => (await import("/assets/start/detect.js")).detect(said), text);
  const kinds = async (text) => (await read(text)).map((reading) => reading.kind);
  assert.deepEqual(await read("434"), [{ kind: "customer", query: "csp:434" }, { kind: "words", query: "434" }]);
  assert.equal((await read("+380 50 123-45-67"))[0].query, "account_id:380501234567 OR msisdn:380501234567 OR 380501234567");
  for (const id of ["463ac35c9f6413ad48485a3953bb6124", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "655317beb24211e9971f3863bb43493c_00015D3F5BE814B1", "062BDBD0 7366C3AD 6ED2EA7A 66D2F473"]) assert.equal((await kinds(id))[0], "id", id);
  assert.deepEqual(await kinds("timeout"), ["words"]);
  assert.deepEqual(await kinds("timed out"), ["phrase", "words"]);
  assert.equal((await kinds("csp:434 level>=warn"))[0], "query");
  assert.equal((await read("Sending message: {'to': '38050'}")).find((reading) => reading.kind === "piece").query, "``Sending message: {'to': '38050'}``");
  assert.deepEqual(await kinds("  "), []);
  // Whatever it is taken for is a query that the server can read.
  for (const text of ["434", "+380 50 123-45-67", "timed out", 'say "hi" {a}', "a`b {c}", "C:\\dir\\file (1)", "<img src=x onerror=y>"]) {
    for (const { query, kind } of await read(text)) {
      if (query === undefined || kind === "query") continue;
      const answer = JSON.parse(await ask(page, "parse", { query }));
      assert.ok(answer.canonical, `${text} as ${kind}: ${query}: ${answer.detail}`);
    }
  }
  await close();
});

test("suggestions come from the reader's own lines and are taken by the keyboard", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=&from=-1h");
  await lines(page);
  await page.focus("#query");
  await page.keyboard.type("lev");
  await page.waitForSelector("#suggestions li:has-text('level:')");
  await page.keyboard.press("Tab");
  await page.keyboard.type("e");
  await page.waitForSelector("#suggestions li:has-text('error')");
  await shot("suggestions");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal((await page.inputValue("#query")).trim(), "level:error");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") === "level:error");
  await close();
});

test("a query of LogQL or SQL is offered as the same question in the language", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff, `/?${new URLSearchParams({ q: "SELECT * FROM logs WHERE level='error'" })}`);
  await page.waitForSelector("#query-error button.fix");
  assert.match(await page.textContent("#query-error"), /SQL/);
  await page.click("#query-error button.fix");
  await lines(page);
  assert.equal(await page.inputValue("#query"), "level:error");
  await close();
});

test("a query with pipes is a table, with a chart where it has times", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.staff, `/?${new URLSearchParams({ q: "| timechart 5m count() by module", from: "-1h" })}`);
  await page.waitForSelector(".table tbody tr");
  await page.waitForSelector(".chart path");
  await shot("table");
  await page.fill("#query", "level>=warn | top 3 module");
  await page.press("#query", "Enter");
  await page.waitForFunction(() => document.querySelectorAll(".table tbody tr").length === 3);
  await close();
});

test("the time is chosen in words, by a pasted timestamp and by steps, in either zone", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=&from=-1h");
  await lines(page);
  const read = (text, zone) =>
    page.evaluate(async ([said, chosen]) => {
      const { parseWhen } = await import("/assets/lib/when.js");
      const { setZone } = await import("/assets/lib/time.js");
      setZone(chosen);
      return parseWhen(said);
    }, [text, zone]);
  assert.deepEqual(await read("5m", "utc"), { from: "-5m", to: "" });
  assert.deepEqual(await read("2 год", "utc"), { from: "-2h", to: "" });
  assert.deepEqual(await read("2026-11-20 10:00-10:30", "utc"), { from: "2026-11-20T10:00:00.000Z", to: "2026-11-20T10:30:00.000Z" });
  assert.deepEqual(await read("2026-11-20 10:00-10:30", "local"), { from: "2026-11-20T08:00:00.000Z", to: "2026-11-20T08:30:00.000Z" });
  assert.deepEqual(await read("2026-11-20 23:30-00:30", "utc"), { from: "2026-11-20T23:30:00.000Z", to: "2026-11-21T00:30:00.000Z" });
  assert.deepEqual(await read("2026-11-20T10:12:50.353+02:00", "local"), { from: "2026-11-20T08:10:50.353Z", to: "2026-11-20T08:14:50.353Z" });
  assert.deepEqual(await read("20/Nov/2026:10:12:50 +0000", "local"), { from: "2026-11-20T10:10:50.000Z", to: "2026-11-20T10:14:50.000Z" });
  assert.deepEqual(await read("1795342370", "utc"), await read("1795342370000000000", "utc"));
  for (const nonsense of ["", "soon", "25", "2026-13-40", "10:00-99:99", "0m"]) assert.equal(await read(nonsense, "utc"), null, nonsense);
  await page.keyboard.press("t");
  await page.keyboard.press("Enter");
  await page.fill("#when-text", "yesterday 10:00-10:30");
  await shot("time");
  await page.press("#when-text", "Enter");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("to"));
  const before = new URL(page.url()).searchParams.get("from");
  await page.waitForSelector(".note");
  await shot("nothing");
  await page.keyboard.press("[");
  await page.waitForFunction((from) => new URL(location.href).searchParams.get("from") !== from, before);
  assert.equal(Date.parse(before) - Date.parse(new URL(page.url()).searchParams.get("from")), 30 * 60_000);
  await close();
});

test("the keyboard alone is enough to search, read and leave", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=&from=-1h");
  await lines(page);
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.className);
  await page.keyboard.press("/");
  assert.equal(await focused(), "query");
  await page.keyboard.type("level>=debug");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.search.includes("debug"));
  await lines(page);
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  assert.equal(await focused(), "head");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#rows > li.open .detail");
  await page.keyboard.press("x");
  await page.waitForSelector(".context li.here");
  await shot("keyboard");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#rows > li.open", { state: "detached" });
  await page.keyboard.press("e");
  await page.waitForFunction(() => document.activeElement?.closest("li.error, li.fatal"));
  await page.keyboard.press("z");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("to"));
  await page.keyboard.press("?");
  await page.waitForSelector("dialog#help[open]");
  await shot("help");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.keyboard.press("Control+k");
  await page.keyboard.type("sign out");
  await shot("commands");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#door");
  await close();
});

test("a session that ends, a server that is away: each says what to do and keeps the question", async () => {
  const { page, context, shot, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=level:error&from=-1h");
  await lines(page);
  await context.setOffline(true);
  await page.press("#query", "Enter");
  await page.waitForSelector(".note");
  assert.match(await page.textContent(".note"), /cannot be reached/);
  await shot("offline");
  await context.setOffline(false);
  await lines(page);
  await context.clearCookies();
  await page.press("#query", "Enter");
  await page.waitForSelector("#door");
  assert.match(await page.textContent("#door"), /session has ended/);
  await page.fill("#token", world.staff);
  await page.press("#token", "Enter");
  await lines(page);
  assert.equal(await page.inputValue("#query"), "level:error");
  await close();
});

test("four languages have the same sentences and plurals of their own", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=&from=-1h");
  const catalogues = await page.evaluate(async () => {
    const all = {};
    for (const tag of ["en", "uk", "es", "ru"]) {
      const [first, later] = [await import(`/assets/i18n/${tag}.js`), await import(`/assets/i18n/later/${tag}.js`)];
      all[tag] = { ...first.default, ...later.default };
    }
    return all;
  });
  const keys = Object.keys(catalogues.en);
  const names = (sentence) => (typeof sentence === "string" ? [sentence] : Object.values(sentence)).flatMap((form) => form.match(/\{\w+\}/g) ?? []);
  for (const [tag, catalogue] of Object.entries(catalogues)) {
    assert.deepEqual(Object.keys(catalogue), keys, `the keys of ${tag}`);
    for (const key of keys) {
      assert.equal(typeof catalogue[key], typeof catalogues.en[key], `${tag}: ${key}`);
      for (const name of names(catalogue[key])) assert.ok(names(catalogues.en[key]).includes(name), `${tag}: ${key} names ${name}`);
      if (typeof catalogue[key] === "string") continue;
      for (const category of new Intl.PluralRules(tag).resolvedOptions().pluralCategories) assert.ok(catalogue[key][category], `${tag}: ${key} has no form for ${category}`);
    }
  }
  await page.click("#settings-button");
  await page.selectOption("#language", "uk");
  await page.waitForFunction(() => document.documentElement.lang === "uk");
  await page.keyboard.press("Escape");
  assert.equal(await page.textContent("#go"), "Шукати");
  await shot("ukrainian");
  await page.reload();
  await page.waitForSelector("#go");
  assert.equal(await page.textContent("#go"), "Шукати");
  await close();
});

test("a phone's width shows everything without scrolling sideways", async () => {
  const { page, shot, close } = await open(world, { viewport: { width: 320, height: 700 }, hasTouch: true });
  await signIn(page, world, world.partner);
  for (const [name, path, ready] of [
    ["start", "/", ".instances tbody tr"],
    ["explorer", "/?q=&from=-1h", "#rows > li"],
    ["request", `/?request=${world.request}`, ".step, .note"],
    ["problems", "/?problems", ".version-card"],
    ["table", "/?q=|+top+5+module&from=-1h", ".table tbody tr"],
  ]) {
    await page.goto(world.address + path);
    await page.waitForSelector(ready);
    await shot(`phone-${name}`);
    assert.ok((await overflow(page)) <= 0, `${name} is ${await overflow(page)} px too wide`);
  }
  await page.goto(`${world.address}/?q=request_id:*&from=-1h`);
  await page.click("#rows > li .head");
  await page.waitForSelector(".detail .way");
  await shot("phone-row");
  assert.ok((await overflow(page)) <= 0, "an open line is too wide");
  assert.ok((await rowCount(page)) > 0);
  await close();
});
