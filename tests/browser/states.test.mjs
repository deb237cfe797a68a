// What stands in the place of an answer: nothing yet, nothing at all, too slow, refused, forbidden, broken, away, expired. Each says what to do, on every page and in four languages.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { lines, open, signIn, start } from "./harness.mjs";

let world;
before(async () => (world = await start({ rate: "20" })));
after(() => world?.stop());

const LANGUAGES = ["en", "uk", "es", "ru"];

/** Pages by what they ask first, and an answer with nothing in it. */
const PAGES = {
  overview: { path: "/", ask: "**/api/v1/stats", empty: { columns: [], rows: [] }, none: "overview.noneAdvice" },
  explorer: { path: "/?q=level:error&from=-1h", ask: "**/api/v1/search", none: "nothing.query" },
  table: { path: "/?q=|+top+5+module&from=-1h", ask: "**/api/v1/stats", empty: { columns: ["module"], rows: [] }, none: "nothing.query" },
  request: { path: "/?request=463ac35c9f6413ad48485a3953bb6124", ask: "**/api/v1/stats", empty: { columns: [], rows: [] }, none: "request.noneAdvice" },
  problems: { path: "/?problems", ask: "**/api/v1/stats", empty: { columns: [], rows: [] }, none: "problems.noLinesAdvice" },
  usage: { path: "/?usage", ask: "**/api/v1/usage*", empty: { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", days: [], truncated: false }, none: "problems.noLinesAdvice" },
  tokens: { path: "/?access=", ask: "**/api/v1/tokens*", empty: { tokens: [] }, none: "tokens.noneAdvice" },
  links: { path: "/?access=links", ask: "**/api/v1/excerpts", empty: { excerpts: [] }, none: "links.noneAdvice" },
  audit: { path: "/?access=audit", ask: "**/api/v1/audit*", empty: { records: [], cursor: null }, none: "audit.noneAdvice" },
};

const EMPTY_SEARCH = '{"summary":{"matched":0,"exact":true,"returned":0,"cursor":null,"warnings":[]}}\n';

/** What the server may say, and the sentence that tells what to do. */
const REFUSALS = {
  busy: { status: 503, headers: { "Retry-After": "7" }, body: { title: "Too many at once", detail: "32 searches are running" }, says: "failure.busy", does: "failure.busyIn", values: { seconds: 7 } },
  forbidden: { status: 403, body: { title: "Not allowed", detail: "only staff may do this" }, says: "failure.forbidden", does: "failure.forbiddenAdvice" },
  failed: { status: 500, body: { title: "The store could not answer", detail: "the store could not answer", request_id: "req-17" }, says: "failure.server", does: "failure.serverAdvice" },
  refused: { status: 409, body: { title: "No", detail: "this cannot be" }, says: "failure.refused", does: "failure.refusedAdvice" },
};

/** The sentences of a language. */
const sentences = (page, tag) =>
  page.evaluate(async (language) => {
    const [first, later] = [await import(`/assets/i18n/${language}.js`), await import(`/assets/i18n/later/${language}.js`)];
    return { ...first.default, ...later.default };
  }, tag);

const form = (sentence, values = {}) => (typeof sentence === "string" ? sentence : (sentence.many ?? sentence.other)).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
const noteText = (page) => page.textContent(".note");
const inLanguage = (page, tag) => page.evaluate((language) => localStorage.setItem("martlog.language", language), tag);

test("nothing found says what to do, on every page and in four languages", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff);
  for (const tag of LANGUAGES) {
    await inLanguage(page, tag);
    for (const [name, { path, ask, empty, none }] of Object.entries(PAGES)) {
      await page.route(ask, (route) => route.fulfill(empty ? { json: empty } : { contentType: "application/x-ndjson", body: EMPTY_SEARCH }));
      await page.goto(world.address + path);
      await page.waitForSelector(".note");
      const known = await sentences(page, tag);
      assert.ok((await noteText(page)).includes(known[none]), `${tag}: ${name}: ${await noteText(page)}`);
      await page.unroute(ask);
    }
  }
  await close();
});

for (const [state, { status, headers, body, says, does, values }] of Object.entries(REFUSALS)) {
  test(`${state}: every page says it, and what to do`, async () => {
    const { page, complaints, shot, close } = await open(world);
    await signIn(page, world, world.staff);
    for (const [at, [name, { path, ask }]] of Object.entries(PAGES).entries()) {
      const tag = LANGUAGES[at % LANGUAGES.length];
      await inLanguage(page, tag);
      await page.route(ask, (route) => route.fulfill({ status, headers, contentType: "application/problem+json", body: JSON.stringify({ status, ...body }) }));
      await page.goto(world.address + path);
      await page.waitForSelector(".note");
      const known = await sentences(page, tag);
      const text = await noteText(page);
      for (const wanted of [form(known[says]), form(known[does], values)]) assert.ok(text.includes(wanted), `${tag}: ${name}: ${wanted} in ${text}`);
      if (state === "failed") assert.ok(text.includes("req-17"), `${name}: support can find it`);
      if (name === "usage") await shot(`state-${state}`);
      // When the server is well again, so is the page.
      await page.unroute(ask);
      if (state === "forbidden") continue;
      await page.click(".note button.primary");
      await page.waitForFunction((said) => !document.querySelector(".note")?.textContent.includes(said), form(known[says]));
    }
    // The browser prints what the server was made to say.
    complaints.splice(0, complaints.length, ...complaints.filter((text) => !/status of (403|409|500|503)/.test(text)));
    await close();
  });
}

test("away: every page says it and comes back; expired: the door says it and keeps the question", async () => {
  const { page, complaints, close } = await open(world);
  await signIn(page, world, world.staff);
  for (const [at, [name, { path, ask }]] of Object.entries(PAGES).entries()) {
    const tag = LANGUAGES[at % LANGUAGES.length];
    await inLanguage(page, tag);
    await page.route(ask, (route) => route.abort());
    await page.goto(world.address + path);
    await page.waitForSelector(".note");
    const known = await sentences(page, tag);
    assert.ok((await noteText(page)).includes(known["failure.offlineAdvice"]), `${tag}: ${name}: ${await noteText(page)}`);
    await page.unroute(ask);
    await page.route(ask, (route) => route.fulfill({ status: 401, contentType: "application/problem+json", body: "{}" }));
    await page.click(".note button.primary");
    await page.waitForSelector("#door");
    assert.ok((await page.textContent("#door")).includes(known["door.ended"]), `${tag}: ${name}`);
    assert.equal(page.url(), world.address + path, "the question is kept");
    await page.unroute(ask);
    await page.reload();
    await page.waitForSelector("#sign-out");
  }
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !/ERR_FAILED|status of 401/.test(text)));
  await close();
});

test("slow: every page says after a while that it is, and stays busy", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner);
  await page.addInitScript(() => {
    // Four seconds pass at once.
    const real = setTimeout;
    window.setTimeout = /** @type {any} */ ((act, ms, ...rest) => real(act, ms === 4_000 ? 50 : ms, ...rest));
  });
  for (const [at, [name, { path, ask }]] of Object.entries(PAGES).entries()) {
    const tag = LANGUAGES[at % LANGUAGES.length];
    await inLanguage(page, tag);
    // Never answered.
    await page.route(ask, () => new Promise(() => {}));
    await page.goto(world.address + path);
    const known = await sentences(page, tag);
    const wanted = name === "explorer" || name === "table" ? known["found.slow"] : known["wait.slow"];
    await page.waitForFunction((said) => document.querySelector("#content")?.textContent.includes(said), wanted);
    assert.ok((await page.locator(".skeleton").count()) > 0, `${name} is still busy`);
    await page.unrouteAll({ behavior: "ignoreErrors" });
  }
  await close();
});

test("a broken answer says that it is not all, and keeps what came", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff);
  const row = { id: "x/1/1", time: new Date().toISOString(), level: "info", message: "the first line", module: "m", instance: "i" };
  await page.route("**/api/v1/search", (route) => route.fulfill({ contentType: "application/x-ndjson", body: `${JSON.stringify({ row })}\n` }));
  await page.goto(`${world.address}/?q=level:info&from=-1h`);
  await page.waitForSelector(".note");
  assert.match(await noteText(page), /broke off.*Ask again/s);
  assert.equal(await page.locator("#rows > li").count(), 1);
  await page.unroute("**/api/v1/search");
  await page.click(".note button.primary");
  await lines(page);
  await close();
});
