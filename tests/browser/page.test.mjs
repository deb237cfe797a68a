// The page in a real browser (Debian's chromium) over the real demo: sign in, search, open a row, follow, sign out.
// Screenshots go to tests/browser/shots and are looked at by people. Run by `tests/run browser`; MARTLOG is the binary.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const patience = 60_000;
const shots = new URL("shots/", import.meta.url).pathname;
let demo, folder, browser, address, staff, partner;

before(async () => {
  mkdirSync(shots, { recursive: true });
  folder = mkdtempSync(join(tmpdir(), "martlog-browser-"));
  demo = spawn(process.env.MARTLOG, ["demo", "--data", join(folder, "demo"), "--listen", "127.0.0.1:0", "--seed", "7", "--rate", "100"], { cwd: folder });
  let out = "";
  demo.stdout.on("data", (chunk) => (out += chunk));
  demo.stderr.resume();
  const begin = Date.now();
  const tokens = () => out.match(/mart_(?:staff|partner)_\w+/g) ?? [];
  while (tokens().length < 5) {
    assert.ok(Date.now() - begin < patience, `the demo printed no tokens: ${out}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  address = out.match(/http:\/\/127\.0\.0\.1:\d+/)[0];
  staff = tokens().find((token) => token.startsWith("mart_staff_"));
  partner = tokens().find((token) => token.startsWith("mart_partner_"));
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  // It writes until it has ended.
  const ended = demo && demo.exitCode === null ? new Promise((resolve) => demo.once("exit", resolve)) : undefined;
  demo?.kill("SIGINT");
  await ended;
  rmSync(folder, { recursive: true, force: true });
});

/** A page that fails the test on any script error or refused request. */
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // The browser itself prints refused sign-ins and bad queries as errors: these are what the tests do.
    if (message.type() === "error" && !/status of 40[01]/.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) complaints.push(`a request to ${request.url()}`);
  });
  return { context, page, complaints };
}

async function signIn(page, token) {
  await page.goto(address);
  await page.fill("#token", token);
  await page.click("#sign-in button[type=submit]");
  await page.waitForSelector("#rows > li");
}

test("a partner signs in, searches, opens a row and sees its own lines alone", async () => {
  const { context, page, complaints } = await open();
  await page.goto(address);
  await page.screenshot({ path: join(shots, "sign-in.png") });
  await page.fill("#token", "mart_partner_wrong_000000");
  await page.click("#sign-in button[type=submit]");
  await page.waitForSelector("#door-error:not([hidden])");
  await signIn(page, partner);
  await page.waitForSelector("#histogram svg");
  await page.screenshot({ path: join(shots, "explorer.png") });
  await page.fill("#query", "level>=warn");
  await page.press("#query", "Enter");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q") ?? location.href.includes("level"));
  await page.waitForSelector("#rows > li");
  await page.click("#rows > li");
  await page.screenshot({ path: join(shots, "row.png") });
  const modules = await page.evaluate(async () => {
    const answer = await fetch("/api/v1/search", {
      method: "POST", headers: { "Content-Type": "application/json", "X-Martlog-Request": "1" },
      body: JSON.stringify({ query: "*", from: "-24h", limit: 1000 }),
    });
    const rows = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line)).filter((line) => line.row);
    return [...new Set(rows.map((line) => line.row.partner))];
  });
  assert.equal(modules.length, 1);
  await page.fill("#query", "level:eror");
  await page.press("#query", "Enter");
  await page.waitForSelector("#query-error:not([hidden])");
  await page.screenshot({ path: join(shots, "error.png") });
  await page.goBack();
  await page.waitForSelector("#query-error", { state: "hidden" });
  await page.click("#sign-out");
  await page.waitForSelector("#door:not([hidden])");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("follow shows new lines as they are printed", async () => {
  const { context, page, complaints } = await open({ colorScheme: "dark" });
  await signIn(page, staff);
  const first = await page.textContent("#rows > li");
  await page.click("#follow");
  await page.waitForFunction((text) => document.querySelector("#rows > li")?.textContent !== text, first);
  await page.screenshot({ path: join(shots, "follow-dark.png") });
  await page.click("#follow");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a phone's width shows everything without scrolling sideways", async () => {
  const { context, page, complaints } = await open({ viewport: { width: 320, height: 700 } });
  await signIn(page, partner);
  await page.screenshot({ path: join(shots, "phone.png") });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(overflow <= 0, `${overflow} px too wide`);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("the keyboard alone is enough to search and read", async () => {
  const { context, page, complaints } = await open();
  await signIn(page, partner);
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "query");
  await page.keyboard.type("verdict:raw");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.href.includes("raw"));
  await page.waitForSelector("#rows > li");
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.screenshot({ path: join(shots, "keyboard.png") });
  assert.deepEqual(complaints, []);
  await context.close();
});
