// Log text is hostile. A thousand lines with markup, scripts, ANSI, marks of direction, control characters and up to 256 KiB go through the real door, and are read on every page that shows
// lines: no script runs or is tried, no request leaves, no element comes out of them, and the layout holds.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { ask, lines, open, overflow, signIn, start } from "./harness.mjs";
import { hostile, TEXTS } from "./hostile.mjs";

const MARK = "hostileline";
const SEED = 20_261_130;
const COUNT = 1_000;

let world;
before(async () => (world = await start({ rate: "20" })));
after(() => world?.stop());

async function push() {
  const send = (path, method, what, token, type = "application/json") => fetch(`${world.address}/api/v1/${path}`, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": type }, body: what });
  const { instances } = await (await send("instances", "GET", undefined, world.staff)).json();
  const [{ id, partner }] = instances;
  const made = await (await send("tokens", "POST", JSON.stringify({ kind: "ingest", partner, instances: [id] }), world.staff)).json();
  const all = hostile(SEED, COUNT, MARK);
  for (let at = 0; at < all.length; at += 250) {
    const piece = all.slice(at, at + 250);
    const answer = await send("ingest", "POST", piece.join("\n"), made.token, "application/x-ndjson");
    const said = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(said));
    assert.equal(said.accepted, piece.length, JSON.stringify(said));
  }
  return { instance: id, bytes: all.reduce((sum, line) => sum + Buffer.byteLength(line), 0), longest: Math.max(...all.map((line) => Buffer.byteLength(line))) };
}

/** What must never be in the page: looked for within it, as quickly as a page is drawn. */
const WATCH = () => {
  const violations = [];
  addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
  const foreign = "script, iframe, object, embed, style, link, base, meta, form[action], video, math, template, marquee, textarea:not(#check-text), svg animate, svg foreignObject, img:not([src='assets/icon.svg'])";
  const named = ["onerror", "onload", "onfocus", "onclick", "ontoggle", "onmouseover", "onanimationstart", "srcdoc", "formaction", "ping"].map((name) => `[${name}]`).join(", ");
  Object.defineProperty(window, "harm", {
    value: () => {
      const app = document.getElementById("app") ?? document.body;
      const wrong = [...app.querySelectorAll(foreign), ...app.querySelectorAll(named)].map((element) => element.outerHTML.slice(0, 200));
      const away = [...app.querySelectorAll("[href], [src]")].filter((element) => new URL(element.getAttribute("href") ?? element.getAttribute("src") ?? "", document.baseURI).origin !== location.origin);
      const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
      return [...wrong, ...away.map((element) => element.outerHTML.slice(0, 200)), ...violations, ...(window.pwned ? ["a script ran"] : []), ...(wide > 0 ? [`${wide} px too wide`] : []), ...(document.querySelectorAll("h1").length > 1 ? ["a heading came out of a line"] : [])];
    },
  });
};

/**
 * Reads the list in the page: all of it is scrolled through; then the `long`est lines and each `every`th are opened as stored, each `around`th of these with its surroundings. What was wrong, and how much
 * was seen. The steps are odd to the four forms of lines, so that each form is opened.
 */
const read = ({ every, around, long, count }) =>
  import("/assets/rows/store.js").then(async ({ rows }) => {
    const { closeOpen, moveTo, toggleOpen } = await import("/assets/rows/cursor.js");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const wrong = [];
    const told = { shown: new Set(), opened: 0, around: 0 };
    const look = (where) => wrong.push(...window.harm().map((what) => `${where}: ${what}`));
    const until = async (there, where) => {
      for (let turn = 0; turn < 600; turn++) {
        const found = there();
        if (found) return found;
        await frame();
      }
      wrong.push(`${where} did not come`);
    };
    const end = () => document.documentElement.scrollHeight - innerHeight;
    // To the end until everything is there, then all of it from the top.
    await until(() => (scrollTo({ top: end() }), rows.loaded >= count), "the last line");
    for (let top = 0; top < end() + innerHeight * 0.8; top += innerHeight * 0.8) {
      scrollTo({ top: Math.min(top, end()) });
      await frame();
      await frame();
      for (const line of document.querySelectorAll("#rows > li")) told.shown.add(line.getAttribute("aria-posinset"));
      look(`scrolled to ${top}`);
    }
    const places = Array.from({ length: rows.count }, (_, at) => at);
    const longest = places.toSorted((a, b) => rows.at(b).text.length - rows.at(a).text.length).slice(0, long);
    for (const [turn, at] of [...longest, ...places.filter((place) => place % every === 0)].entries()) {
      if (wrong.length > 0) break;
      const entry = rows.at(at);
      moveTo(entry.id);
      toggleOpen(entry.id);
      const detail = await until(() => document.querySelector(`#line-${entry.n}.open .detail .way`)?.closest(".detail"), `line ${at}, opened`);
      if (!detail) break;
      const [context, stored] = detail.querySelectorAll(".actions button");
      stored.click();
      await frame();
      look(`line ${at}, opened`);
      told.opened++;
      if (turn % around === 0) {
        context.click();
        await until(() => document.querySelector(".context li.here"), `line ${at} with its surroundings`);
        look(`line ${at} with its surroundings`);
        told.around++;
      }
      closeOpen();
    }
    return { wrong: wrong.slice(0, 10), shown: told.shown.size, opened: told.opened, around: told.around, places: rows.count, loaded: rows.loaded };
  });

test("a thousand hostile lines are shown on every page, and do nothing", { timeout: 240_000 }, async (t) => {
  const { instance, bytes, longest } = await push();
  t.diagnostic(`${COUNT} hostile lines, ${bytes} bytes, the longest ${longest}`);
  assert.ok(longest > 240 << 10 && longest <= 256 << 10);
  for (const [name, options, part] of [
    ["wide", {}, { every: 7, around: 5, long: 6 }],
    ["phone", { viewport: { width: 320, height: 700 } }, { every: 41, around: 5, long: 2 }],
  ]) {
    const { page, context, shot, close } = await open(world, options);
    await context.addInitScript(WATCH);
    const whole = async (/** @type {string} */ where) => {
      const wrong = await page.evaluate(() => window.harm());
      assert.deepEqual(wrong, [], where);
    };
    await signIn(page, world, world.staff, `/?q=instance:${instance}+${MARK}&from=-1h&cols=logger,extra.value,request_id`);
    await lines(page);
    await whole("the list");
    // What would be wrong is seen.
    const seeded = await page.evaluate(() => {
      const [app] = document.querySelectorAll("#app");
      const planted = ["iframe", "b", "a"].map((name) => app.appendChild(document.createElement(name)));
      planted[1].setAttribute("ping", "1");
      planted[2].setAttribute("href", "//192.0.2.1/");
      const told = window.harm();
      planted.forEach((element) => element.remove());
      return told.length;
    });
    assert.equal(seeded, 3);
    const began = Date.now();
    const seen = await page.evaluate(read, { ...part, count: COUNT });
    const took = Date.now() - began;
    t.diagnostic(`${name}: ${seen.loaded} lines in ${seen.places} places, ${seen.shown} of them drawn, ${seen.opened} opened, ${seen.around} with their surroundings, in ${(took / 1_000).toFixed(1)} s`);
    await shot(`hostile-${name}`);
    assert.deepEqual(seen.wrong, []);
    assert.equal(seen.loaded, COUNT);
    assert.equal(seen.shown, seen.places);
    assert.equal(seen.opened, part.long + Math.ceil(COUNT / part.every));
    assert.equal(seen.around, Math.ceil(seen.opened / part.around));
    await page.goto(`${world.address}/?request=hostile-0-00000000`);
    await page.waitForSelector(".step .head");
    await page.click(".step .head");
    await page.waitForSelector(".step .detail .way");
    await whole("the request");
    await page.goto(`${world.address}/?${new URLSearchParams({ q: `instance:${instance} ${MARK} | fields time, logger, request_id, extra.value, message`, from: "-1h" })}`);
    await page.waitForSelector(".table tbody tr");
    await whole("the table");
    await page.goto(`${world.address}/?problems&from=-1h`);
    await page.waitForSelector(".kind button");
    await page.evaluate(() => [...document.querySelectorAll(".kind button")].slice(0, 12).forEach((button) => button.click()));
    await page.waitForSelector(".samples pre");
    await whole("the format problems");
    await page.goto(`${world.address}/?${new URLSearchParams({ q: "<img src=x onerror=window.pwned=1> \"", from: "-1h" })}`);
    await page.waitForSelector("#query-error:not([hidden]), .note, #rows > li");
    await whole("a hostile link");
    await page.goto(`${world.address}/?${new URLSearchParams({ request: "<img src=x onerror=window.pwned=1>" })}`);
    await page.waitForSelector(".note, .step");
    await whole("a hostile id");
    await page.goto(`${world.address}/?problems&from=-1h`);
    for (const text of name === "wide" ? TEXTS.filter(({ length }) => length < 5_000) : []) {
      await page.fill("#check-text", `${text}\n${JSON.stringify({ message: text, [text.slice(0, 60)]: text })}`);
      await page.waitForSelector(".checked li");
    }
    await page.fill("#check-text", TEXTS.filter(({ length }) => length < 5_000).join("\n"));
    await page.waitForFunction(() => document.querySelectorAll(".checked > li").length > 15);
    await whole("the test of a line");
    const made = JSON.parse(await ask(page, "excerpts", { query: `instance:${instance} ${MARK}`, from: "-1h", limit: 60, order: "oldest", note: TEXTS[1], expires_in: "1d" }));
    assert.ok(made.secret, JSON.stringify(made));
    await page.goto(`${world.address}/?excerpt=${made.id}#${made.secret}`);
    await page.waitForSelector(".excerpt-lines li");
    await page.evaluate(() => [...document.querySelectorAll(".excerpt-lines .head")].forEach((head) => head.click()));
    await whole("an excerpt");
    await page.goto(`${world.address}/?access=links`);
    await page.waitForSelector("#links li");
    await whole("the list of links");
    await page.goto(`${world.address}/?access=audit&from=-1h`);
    await page.waitForSelector("#audit tbody tr");
    await whole("the audit");
    await page.goto(world.address);
    await page.fill("#what", "<img src=x onerror=window.pwned=1>");
    await page.waitForSelector(".readings li");
    await whole("the start page");
    await close();
  }
});
