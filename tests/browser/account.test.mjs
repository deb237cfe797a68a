// Who may read, who asked what, how much was said, and what would become of a line: as a partner and as support.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { ask, lines, open, overflow, signIn, start } from "./harness.mjs";

let world;
before(async () => (world = await start({ rate: "60" })));
after(() => world?.stop());

const get = (page, path) => page.evaluate(async (at) => (await fetch(`/api/v1/${at}`, { headers: { "X-Martlog-Request": "1" } })).json(), path);

test("support makes a token, gives it away once, and revokes it; who used it is out at once", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.staff, "/?access=");
  await page.waitForSelector("#tokens tbody tr");
  const { instances } = await get(page, "instances");
  const { partner, id } = instances[0];
  await page.click("#token-new");
  await page.waitForFunction((name) => [...document.querySelectorAll("#token-form select[name=partner] option")].some((each) => each.value === name), partner);
  await page.selectOption("#token-form select[name=partner]", partner);
  await page.check(`#token-form input[value="${id}"]`);
  await page.fill("#token-form input[name=note]", "for the tour");
  await shot("token-form");
  await page.click("#token-make");
  await page.waitForSelector("#token-text");
  const token = await page.inputValue("#token-text");
  assert.match(token, /^mart_partner_/);
  await shot("token-made");
  await page.click("#token-told");
  await page.waitForSelector("#token-text", { state: "detached" });
  const row = page.locator("#tokens tbody tr", { hasText: "for the tour" });
  assert.match(await row.textContent(), new RegExp(id));

  // It reaches what it was made for.
  const other = await open(world);
  await signIn(other.page, world, token, "/?q=&from=-1h");
  const found = (await ask(other.page, "search", { query: "", from: "-1h", limit: 500 })).trim().split("\n").map((line) => JSON.parse(line).row).filter(Boolean);
  assert.ok(found.every((each) => each.instance === id));
  await row.locator("button").click();
  await row.locator("button.danger").click();
  await row.waitFor({ state: "detached" });
  await other.page.goto(`${world.address}/?usage`);
  await other.page.waitForSelector("#door");
  await other.close();
  await close();
});

test("a partner sees its own tokens, and makes none", async () => {
  const { page, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?access=");
  await page.waitForSelector("#tokens tbody tr");
  const { tokens } = await get(page, "tokens");
  const [{ partner }] = tokens;
  assert.ok(tokens.every((token) => token.partner === partner));
  assert.equal(await page.locator("#tokens tbody tr").count(), tokens.length);
  assert.equal(await page.locator("#token-new").count(), 0);
  assert.equal(await page.locator("#tokens button").count(), 0);
  await shot("tokens-partner");
  await close();
});

test("support's look at a partner's lines is told to the partner, without what it asked", async () => {
  const staff = await open(world);
  await signIn(staff.page, world, world.staff);
  const mark = `secretword${Date.now()}`;
  const partner = await open(world);
  await signIn(partner.page, world, world.partner);
  // A question that names nobody is told as a question; one that names the partner alone may be told with its text.
  await ask(staff.page, "search", { query: `-${mark}`, from: "-1h", limit: 500 });
  await ask(partner.page, "search", { query: `own${mark}`, from: "-1h", limit: 7 });
  await partner.page.goto(`${world.address}/?access=audit&from=-1h`);
  await partner.page.waitForSelector("#audit tbody tr");
  await partner.page.selectOption("#audit-action", "search");
  await partner.page.waitForFunction((word) => document.querySelector("#audit")?.textContent.includes(word), `own${mark}`);
  await partner.shot("audit-partner");
  const text = await partner.page.textContent("#audit");
  assert.ok(text.includes("Staff"), "that support looked");
  assert.ok(!text.replaceAll(`own${mark}`, "").includes(mark), "what support wrote is its own");
  await staff.page.goto(`${world.address}/?access=audit&from=-1h`);
  await staff.page.waitForFunction((word) => document.querySelector("#audit")?.textContent.includes(word), `-${mark}`);
  await staff.shot("audit-staff");
  await partner.close();
  await staff.close();
});

test("the audit is read page by page", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff);
  // Each is another question, so none is counted with another.
  await page.evaluate(async () => {
    for (let at = 0; at < 110; at++) await fetch("/api/v1/search", { method: "POST", headers: { "Content-Type": "application/json", "X-Martlog-Request": "1" }, body: JSON.stringify({ query: `page${at}`, from: "-1m", limit: 1 }) }).then((answer) => answer.text());
  });
  await page.goto(`${world.address}/?access=audit&from=-1h`);
  await page.waitForSelector("#audit-more");
  assert.equal(await page.locator("#audit tbody tr").count(), 100);
  await page.click("#audit-more");
  await page.waitForFunction(() => document.querySelectorAll("#audit tbody tr").length > 105);
  const ids = await page.locator("#audit tbody tr").count();
  assert.ok(ids > 105);
  await close();
});

for (const who of ["partner", "staff"]) {
  test(`${who}: the usage is what a count over the lines gives`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], "/?usage=&from=-24h");
    await page.waitForSelector("#usage tbody tr");
    await shot(`usage-${who}`);
    const day = new Date().toISOString().slice(0, 10);
    const usage = await get(page, `usage?from=${day}T00:00:00Z`);
    const counted = JSON.parse(await ask(page, "stats", { query: "| stats count() by instance", from: `${day}T00:00:00Z`, to: new Date(Date.now() - 120_000).toISOString() }));
    const by = new Map(usage.days.filter((each) => each.day === day).map((each) => [each.instance, each]));
    assert.ok(counted.rows.length > 0);
    for (const row of counted.rows) {
      const [instance, count] = [row[counted.columns.indexOf("instance")], row[counted.columns.indexOf("count")] ?? row.find((cell) => typeof cell === "number")];
      // Lines go on being printed: the usage has at least those of two minutes ago.
      assert.ok(by.get(instance)?.lines >= count, `${instance}: ${by.get(instance)?.lines} of ${count}`);
    }
    assert.equal(new Set(usage.days.map((each) => each.partner)).size > 1, who === "staff");
    await page.click(".chips button[value=bytes]");
    await page.click("#usage tbody tr:first-child th a");
    await lines(page);
    assert.match(await page.inputValue("#query"), /^instance:/);
    await close();
  });

  test(`${who}: a line is tested before it is printed, with its mistakes marked where they are`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], "/?problems");
    await page.waitForSelector("#check-text");
    await page.click("#check-example");
    await page.waitForSelector(".checked .marked mark");
    const marks = await page.locator(".marked mark").allTextContents();
    for (const piece of ['"time"', '"eror"', '"msg"', '"hunter2"', '"2026-11-22 10:12:50"']) assert.ok(marks.includes(piece), `${piece} of ${marks}`);
    const kept = await page.textContent(".checked .whole");
    assert.ok(kept.includes("[redacted:password]") && !kept.includes("hunter2"));
    await page.locator(".checked details summary").first().click();
    await page.locator(".checked .fix-card button", { hasText: "Go" }).first().click();
    assert.match(await page.locator(".checked .fix-card pre").first().textContent(), /slog|time\./);
    await shot(`check-${who}`);
    await page.fill("#check-text", '{"message": "€ ok" "level": 1}\nplain text, password=hunter2');
    await page.waitForFunction(() => document.querySelectorAll(".checked > li").length === 2);
    assert.deepEqual(await page.locator(".checked > li").first().locator("mark").allTextContents(), ['"']);
    assert.deepEqual((await page.locator(".checked > li").nth(1).locator("mark").allTextContents()).filter((piece) => piece === "hunter2"), ["hunter2"]);
    await page.fill("#check-text", new Date().toISOString().replace(/.*/, (now) => JSON.stringify({ timestamp: now, level: "info", message: "fine", request_id: "463ac35c9f6413ad48485a3953bb6124" })));
    await page.waitForFunction(() => document.querySelector(".checked .grade")?.textContent === "as it should be");
    assert.equal(await page.locator(".checked mark").count(), 0);
    await close();
  });
}

test("what is too much to test is refused with a sentence, and markup in a line stays text", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner, "/?problems");
  await page.fill("#check-text", "<img src=x onerror=window.pwned=1> \u202e\u0000 \u001b[31mred");
  await page.waitForSelector(".checked mark");
  assert.equal(await page.evaluate(() => document.querySelectorAll(".check img").length + Number(window.pwned ?? 0)), 0);
  const answer = await ask(page, "check", { text: "x".repeat(800_000) });
  assert.match(answer, /body_too_large/);
  const many = JSON.parse(await ask(page, "check", { text: "a\n".repeat(150) }));
  assert.equal(many.records.length + many.more, 150);
  await close();
});

test("the pages fit a phone", async () => {
  const { page, shot, close } = await open(world, { viewport: { width: 320, height: 700 }, hasTouch: true });
  await signIn(page, world, world.staff);
  for (const [name, path, ready] of [
    ["tokens", "/?access=", "#tokens tbody tr"],
    ["audit", "/?access=audit&from=-1h", "#audit tbody tr"],
    ["usage", "/?usage=&from=-7d", "#usage tbody tr"],
    ["check", "/?problems", "#check-text"],
  ]) {
    await page.goto(world.address + path);
    await page.waitForSelector(ready);
    await shot(`phone-${name}`);
    assert.ok((await overflow(page)) <= 0, `${name} is ${await overflow(page)} px too wide`);
  }
  await close();
});

test("a page that cannot be loaded says so and comes when the server is back", async () => {
  const { page, context, shot, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=&from=-1h");
  await lines(page);
  await context.setOffline(true);
  await page.click(".bar nav a[href*=usage]");
  await page.waitForSelector(".note");
  assert.match(await page.textContent(".note"), /cannot be reached/);
  await shot("offline-later");
  await context.setOffline(false);
  await page.click(".note button.primary");
  await page.waitForSelector("#usage tbody tr");
  await close();
});
