// Lines that say the same as their neighbour are one line of the list: how many they are is told, and each of them is there when it is opened.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { lines, open, signIn, start } from "./harness.mjs";

let world;
let instance;
before(async () => {
  world = await start({ rate: "20" });
  instance = await push();
});
after(() => world?.stop());

/** Two runs of the same line with another one between them, and one that differs in a field alone. */
async function push() {
  const send = async (path, body, token, type = "application/json") => (await fetch(`${world.address}/api/v1/${path}`, { method: body === undefined ? "GET" : "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": type }, body })).json();
  const { instances } = await send("instances", undefined, world.partner);
  const [{ id, partner }] = instances;
  const { token } = await send("tokens", JSON.stringify({ kind: "ingest", partner, instances: [id] }), world.staff);
  const begin = Date.now() - 60_000;
  const texts = ["same", "same", "same", "same", "other", "same", "same", "same"];
  const records = texts.map((text, at) => ({ timestamp: new Date(begin + at * 1_000).toISOString(), level: "info", message: `foldmark ${text}`, extra: { n: 1 } }));
  records.push({ ...records[7], timestamp: new Date(begin + 8_000).toISOString(), extra: { n: 2 } });
  const said = await send("ingest", records.map((record) => JSON.stringify(record)).join("\n"), token, "application/x-ndjson");
  assert.equal(said.accepted, 9, JSON.stringify(said));
  return id;
}

for (const who of ["partner", "staff"]) {
  test(`${who}: identical neighbours are folded, counted and reached`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], `/?q=instance:${instance}+foldmark&from=-1h`);
    await lines(page);
    // Newest first: another field, three, another text, four.
    const shown = await page.locator("#rows > li .text").evaluateAll((all) => all.map((each) => [each.querySelector("bdi").textContent, each.querySelector(".folded")?.textContent ?? ""]));
    assert.deepEqual(shown, [["foldmark same", ""], ["foldmark same", "×3"], ["foldmark other", ""], ["foldmark same", "×4"]]);
    assert.match(await page.textContent("#status"), /9 lines/, "all of them are counted");
    await page.locator("#rows > li").nth(3).locator(".head").click();
    await page.waitForSelector(".twins button");
    assert.equal(await page.locator(".twins button").count(), 4);
    const time = () => page.textContent("#rows > li.open .way time");
    const first = await time();
    await page.locator(".twins button").nth(3).click();
    await page.waitForFunction((before) => document.querySelector("#rows > li.open .way time")?.textContent !== before, first);
    assert.ok((await time()) < first, "the last of them is the oldest");
    await shot(`folded-${who}`);
    // A link to a folded line opens the line that it is folded into.
    const last = await page.evaluate(async () => {
      const { rows } = await import("/assets/rows/store.js");
      const entry = rows.at(3);
      return { of: entry.id, twin: entry.twins.at(-1).id, index: rows.indexOf(entry.twins.at(-1).id) };
    });
    assert.notEqual(last.of, last.twin);
    assert.equal(last.index, 3);
    await page.goto(`${world.address}/?${new URLSearchParams({ q: `instance:${instance} foldmark`, from: "-1h", row: last.twin })}`);
    await page.waitForSelector("#rows > li.open .twins");
    await close();
  });
}

test("what is folded is let go of with its line, and counts against the bounds", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner);
  const found = await page.evaluate(async () => {
    const { RowStore, ROWS_MAX } = await import("/assets/rows/store.js");
    const store = new RowStore();
    const row = (/** @type {number} */ n, /** @type {string} */ message) => ({ id: `i${n}`, time: "2026-01-01T00:00:00Z", level: "info", message, attributes: {} });
    const came = (/** @type {any} */ each) => ({ row: each, text: JSON.stringify(each) });
    store.append(Array.from({ length: ROWS_MAX - 10 }, (_, n) => came(row(n, n % 2 === 0 && n < 1_000 ? `m${n}` : `m${n - (n < 1_000 ? 1 : 0)}`))));
    const before = { loaded: store.loaded, count: store.count, folded: store.folded, full: store.full };
    store.prepend(Array.from({ length: 50 }, (_, n) => came(row(1_000_000 + n, "the same"))));
    const ids = store.byId.size;
    return { before, loaded: store.loaded, count: store.count, ids, newest: store.newer.length, twins: store.newer[0].twins.length };
  });
  assert.equal(found.before.loaded, 99_990);
  assert.equal(found.before.folded, 500);
  assert.equal(found.newest, 1);
  assert.equal(found.twins, 49);
  assert.ok(found.loaded <= 100_000 && found.loaded > 98_000, JSON.stringify(found));
  assert.equal(found.ids, found.loaded, "ids of what was let go of are forgotten");
  await close();
});
