// Ten complaints over a day with planted causes: each is solved by a scripted path of at most six steps, and docs/tour.md tells the same steps.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { CASES, plant } from "./day.mjs";
import { open, signIn, start } from "./harness.mjs";
import { smaller } from "./png.mjs";
import { document as told, TOUR } from "./tour.mjs";

const DOCS = new URL("../../docs/", import.meta.url).pathname;
const WRITE = process.env.TOUR === "write";
const STEPS_MAX = 6;
const PICTURE_BYTES_MAX = 60 << 10;

let world;
let planted;
before(async () => {
  world = await start({ rate: "20" });
  planted = await plant(world);
});
after(() => world?.stop());

test("the tour is told as it is walked, in ten short paths", (t) => {
  t.diagnostic(`${planted.lines} lines of a day`);
  assert.equal(TOUR.length, 10);
  assert.deepEqual(TOUR.map(({ name }) => name).sort(), Object.keys(CASES).sort());
  for (const { name, steps } of TOUR) assert.ok(steps.length >= 1 && steps.length <= STEPS_MAX, name);
  if (WRITE) writeFileSync(`${DOCS}tour.md`, told());
  assert.equal(readFileSync(`${DOCS}tour.md`, "utf8"), told(), "docs/tour.md is not what tour.mjs says: TOUR=write tests/run browser");
});

for (const { name, who, complaint, steps, cause } of TOUR) {
  test(`${who}: ${complaint}`, async () => {
    const { page, close } = await open(world, { viewport: { width: 1000, height: 620 } });
    await signIn(page, world, world[who]);
    for (const [, act] of steps) await act(page, planted.cases[name]);
    await page.waitForSelector("#cause");
    assert.match(await page.textContent("#cause"), cause);
    // The sentence names its line.
    await page.click("#cause a");
    assert.equal(await page.locator(".step:target").count(), 1);
    await page.evaluate(() => scrollTo({ top: 0 }));
    const picture = await smaller(world.browser, await page.screenshot());
    assert.ok(picture.length <= PICTURE_BYTES_MAX, `the picture takes ${picture.length} bytes`);
    mkdirSync(new URL("shots/tour/", import.meta.url), { recursive: true });
    writeFileSync(new URL(`shots/tour/${name}.png`, import.meta.url), picture);
    if (WRITE) {
      mkdirSync(`${DOCS}tour`, { recursive: true });
      writeFileSync(`${DOCS}tour/${name}.png`, picture);
    }
    await close();
  });
}

test("a rule knows a cause by lines that are bad news, and says nothing where it does not know", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner);
  const causes = await page.evaluate(async () => {
    const { causeOf, RULES } = await import("/assets/trace/causes.js");
    const line = (level, message) => ({ level, module: "m", message });
    const of = (...lines) => causeOf(lines);
    return {
      names: RULES.map(({ name }) => name),
      good: of(line("info", "Mailbox is full of joy: 429 messages")),
      unknown: of(line("error", "something else")),
      first: of(line("info", "accepted"), line("error", "Provider request timed out after 10000 ms"), line("error", "giving up: provider unavailable"))?.name,
      slow: of(line("warn", "Provider request timed out after 10000 ms, attempt 1 of 3"), line("info", "Provider accepted the message")),
      samples: Object.fromEntries(
        [
          ["certificateExpired", "x509: certificate has expired or is not yet valid"],
          ["nameUnknown", "getaddrinfo ENOTFOUND crm.internal"],
          ["diskFull", "write /var/spool: no space left on device"],
          ["tooOften", "upstream said 429 Too Many Requests"],
          ["outOfMemory", "FATAL ERROR: JavaScript heap out of memory"],
          ["mailboxFull", "Mailbox full, message refused"],
          ["balanceEmpty", "Call refused: insufficient credit"],
          ["codeWrong", "Wrong sign-in code"],
          ["optedOut", "Not sent: the recipient has opted out"],
          ["networkRefused", "Delivery receipt: rejected"],
          ["acquirerDown", "acquirer did not answer"],
          ["handsetAway", "Delivery receipt: expired"],
        ].map(([name, message]) => [name, of(line("error", message))?.name]),
      ),
    };
  });
  assert.equal(causes.good, null);
  assert.equal(causes.unknown, null);
  assert.equal(causes.first, "providerDown");
  assert.deepEqual([causes.slow.name, causes.slow.at, causes.slow.values.ms], ["providerSlow", 0, "10000"]);
  for (const [name, found] of Object.entries(causes.samples)) assert.equal(found, name);
  // Each rule has a sentence in each language.
  for (const tag of ["en", "uk", "es", "ru"]) {
    const keys = await page.evaluate(async (language) => Object.keys((await import(`/assets/i18n/later/${language}.js`)).default), tag);
    for (const name of causes.names) assert.ok(keys.includes(`cause.${name}`), `${tag} has no cause.${name}`);
  }
  await close();
});
