// How lines leave the page: a file with its proof, a link, an excerpt for somebody without a token. As a partner and as support.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ask, lines, open, overflow, signIn, start } from "./harness.mjs";

let world;
before(async () => (world = await start()));
after(() => world?.stop());

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Begins an export of the dialog that is open, and waits for its file. */
async function exported(page, format) {
  await page.check(`.choices input[value=${format}]`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export-go")]);
  await page.waitForSelector("#export-hash");
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()), hash: await page.textContent("#export-hash") };
}

for (const who of ["partner", "staff"]) {
  test(`${who}: an export is one file in three formats, and its hash is that of its bytes`, async () => {
    const { page, shot, close } = await open(world);
    await signIn(page, world, world[who], "/?q=level>=warn&from=-1h");
    await lines(page);
    await page.click("#export-button");
    await page.waitForSelector(".export-form");
    await shot(`export-${who}`);
    const ndjson = await exported(page, "ndjson");
    assert.match(ndjson.name, /^martlog-[0-9a-f]{32}\.ndjson$/);
    const text = ndjson.bytes.toString();
    const { manifest } = JSON.parse(text.trimEnd().split("\n").at(-1));
    const rows = text.slice(0, Buffer.from(text).length ? text.trimEnd().lastIndexOf("\n") + 1 : 0);
    assert.equal(sha256(rows), manifest.sha256);
    assert.equal(ndjson.hash, manifest.sha256);
    const found = rows.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.ok(found.length > 0 && found.length === manifest.rows);
    assert.ok(found.every((row) => ["warn", "error", "fatal"].includes(row.level)));
    assert.equal(manifest.query, "level>=warn");
    await shot(`exported-${who}`);
    for (const format of ["csv", "text"]) {
      await page.click("#export-again");
      const file = await exported(page, format);
      assert.equal(sha256(file.bytes), file.hash, format);
      if (format === "csv") assert.match(file.bytes.toString().split("\r\n")[0], /(^|,)message(,|$)/);
      const [beside] = await Promise.all([page.waitForEvent("download"), page.click("#export-manifest")]);
      assert.equal(JSON.parse(readFileSync(await beside.path(), "utf8")).manifest.sha256, file.hash);
    }
    await close();
  });

  test(`${who}: a link shows the same lines, an excerpt shows them without a token until it is revoked`, async () => {
    const { page, context, shot, close } = await open(world, { permissions: ["clipboard-read", "clipboard-write"] });
    await signIn(page, world, world[who], "/?q=level>=error&from=-1h");
    await lines(page);
    await page.click("#share-button");
    await page.waitForSelector("#excerpt-form");
    const permalink = await page.inputValue("#share-link");
    assert.equal(new URL(permalink).searchParams.get("q"), "level>=error");
    assert.ok(Date.parse(new URL(permalink).searchParams.get("to")) > 0, "the time is held still");
    await page.locator("#share-link + button").click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), permalink);
    await page.fill("#excerpt-form input[name=limit]", "5");
    await page.fill("#excerpt-form input[name=note]", `ticket of ${who}`);
    await shot(`share-${who}`);
    await page.click("#excerpt-make");
    await page.waitForSelector("#excerpt-link");
    const link = await page.inputValue("#excerpt-link");
    assert.match(link, /\?excerpt=[^#]+#mart_excerpt_/);
    await shot(`shared-${who}`);

    // Somebody else's browser, without a session. The secret is sent to nobody in an address.
    const other = await open(world);
    const asked = [];
    other.page.on("request", (request) => asked.push(request.url()));
    await other.page.goto(link);
    await other.page.waitForSelector(".excerpt-lines li");
    assert.equal(await other.page.locator(".excerpt-lines > li").count(), 5);
    assert.ok(asked.every((url) => !url.includes("mart_excerpt_")), "the secret stays behind the #");
    assert.match(await other.page.textContent(".excerpt-note"), new RegExp(`ticket of ${who}`));
    await other.page.click(".excerpt-lines li:first-child .head");
    await other.page.waitForSelector(".excerpt-lines .detail pre");
    await other.shot(`excerpt-${who}`);
    await other.page.setViewportSize({ width: 320, height: 700 });
    assert.ok((await overflow(other.page)) <= 0, `an excerpt is ${await overflow(other.page)} px too wide`);

    // Its maker sees that, from where, and ends it.
    await page.locator(".share-part .actions a").click();
    await page.waitForSelector("#links li");
    const card = page.locator("#links li", { hasText: `ticket of ${who}` }).first();
    assert.match(await card.textContent(), /opened 1 time/);
    await card.locator("button").first().click();
    await card.locator(".openings li").first().waitFor();
    assert.match(await card.locator(".openings").textContent(), /127\.0\.0\.1/);
    await shot(`links-${who}`);
    await card.locator("button").nth(1).click();
    await card.locator("button.danger").click();
    await page.waitForFunction((text) => ![...document.querySelectorAll("#links li")].some((each) => each.textContent.includes(text)), `ticket of ${who}`);
    await other.page.reload();
    await other.page.waitForSelector(".note");
    assert.match(await other.page.textContent(".note"), /does not work, or not any more.*Ask whoever gave it/);
    await other.shot(`excerpt-gone-${who}`);
    await other.close();

    // The link that needs a token shows the same to whoever has one.
    await page.goto(permalink);
    await lines(page);
    assert.equal(await page.inputValue("#query"), "level>=error");
    assert.equal((await context.cookies()).length, 1);
    await close();
  });
}

test("an export says how far it is, and is cancelled without a file", async () => {
  const { page, context, shot, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=&from=-3h");
  await lines(page);
  const network = await context.newCDPSession(page);
  await network.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: 60_000, uploadThroughput: 60_000 });
  let saved = 0;
  page.on("download", () => saved++);
  await page.click("#export-button");
  await page.waitForSelector(".export-form");
  await page.click("#export-go");
  await page.waitForFunction(() => /[1-9]/.test(document.querySelector(".figures")?.textContent ?? ""));
  // A closed card does not end it.
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.click("#export-button");
  await page.waitForSelector("#export-progress[value]");
  await shot("exporting");
  await page.click("#export-cancel");
  await page.waitForSelector("dialog .warnings");
  assert.match(await page.textContent("dialog .warnings"), /Cancelled after .*nothing was saved/);
  await page.waitForSelector("#export-go");
  assert.equal(saved, 0);
  await close();
});

test("what is not whole is not saved, and a query that cannot be exported says what can", async () => {
  const { page, close } = await open(world);
  let saved = 0;
  page.on("download", () => saved++);
  await signIn(page, world, world.partner, "/?q=level:error&from=-1h");
  await lines(page);
  const broken = [
    ["ndjson", '{"id":"a"}\n{"id":"b"}\n'],
    ["ndjson", '{"id":"a"}\n{"error":{"status":503,"title":"The search took too long","detail":"it took too long"}}\n'],
    ["ndjson", '{"id":"a"}\n{"manifest":{"id":"x","query":"","format":"ndjson","from":"","to":"","rows":1,"bytes":11,"sha256":"00","truncated":false}}\n'],
  ];
  for (const [format, body] of broken) {
    await page.route("**/api/v1/export", (route) => route.fulfill({ status: 200, contentType: "application/x-ndjson", body }));
    await page.click("#export-button");
    await page.check(`.choices input[value=${format}]`);
    await page.click("#export-go");
    await page.waitForSelector(".dialog-note");
    assert.match(await page.textContent(".dialog-note"), /(broke off|took too long).*Nothing was saved/s);
    await page.keyboard.press("Escape");
    await page.unroute("**/api/v1/export");
  }
  await page.goto(`${world.address}/?${new URLSearchParams({ q: "| stats count() by module", from: "-1h" })}`);
  await page.waitForSelector(".table tbody tr");
  await page.click("#export-button");
  await page.click("#export-go");
  await page.waitForSelector(".dialog-note");
  assert.match(await page.textContent(".dialog-note"), /fields a, b/);
  assert.equal(saved, 0);
  await close();
});

test("a link that is cut, one that has expired and one of nothing each say what to do", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner);
  const make = async (what) => JSON.parse(await ask(page, "excerpts", { from: "-1h", ...what }));
  const brief = await make({ query: "level:error", expires_in: "1s" });
  const empty = await make({ query: "nosuchwordanywhere", expires_in: "1d" });
  await page.goto(`${world.address}/?excerpt=${empty.id}`);
  await page.waitForSelector(".note");
  assert.match(await page.textContent(".note"), /not whole.*Copy all of the link/);
  await page.evaluate((secret) => (location.hash = secret), empty.secret);
  await page.waitForFunction(() => /no lines in it/.test(document.querySelector(".note")?.textContent ?? ""));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await page.goto(`${world.address}/?excerpt=${brief.id}#${brief.secret}`);
  await page.waitForFunction(() => /not any more/.test(document.querySelector(".note")?.textContent ?? ""));
  await close();
});

test("the keyboard alone is enough to export and to share", async () => {
  const { page, close } = await open(world);
  await signIn(page, world, world.partner, "/?q=level:error&from=-1h");
  await lines(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("export");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".export-form");
  const focused = () => page.evaluate(() => `${document.activeElement?.tagName} ${document.activeElement?.getAttribute("value") ?? document.activeElement?.id ?? ""}`);
  for (let at = 0; at < 6 && !(await focused()).startsWith("INPUT"); at++) await page.keyboard.press("Tab");
  assert.equal(await focused(), "INPUT ndjson");
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), "INPUT csv");
  for (let at = 0; at < 6 && !(await focused()).includes("export-go"); at++) await page.keyboard.press("Tab");
  const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  assert.match(download.suggestedFilename(), /\.csv$/);
  await page.waitForSelector("#export-hash");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await page.keyboard.press("Control+k");
  await page.keyboard.type("share");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#excerpt-form");
  for (let at = 0; at < 12 && !(await focused()).includes("excerpt-make"); at++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#excerpt-link");
  await close();
});
