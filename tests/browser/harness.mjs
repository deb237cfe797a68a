// The real demo and a real browser for the tests: one server for a file of tests, a fresh context for each page.
// MARTLOG is the binary; MARTLOG_UI, where it is set, the folder whose files stand for those in it, so that a change of the page needs no build. Screenshots go to tests/browser/shots and are looked at by people.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const patience = 60_000;
const shots = new URL("shots/", import.meta.url).pathname;

/** Starts a demo with a seed; `staff` and `partner` are tokens, `chromium` a browser. */
export async function start({ seed = "7", rate = "100" } = {}) {
  mkdirSync(shots, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "martlog-browser-"));
  const demo = spawn(process.env.MARTLOG, ["demo", "--data", join(folder, "demo"), "--listen", "127.0.0.1:0", "--seed", seed, "--rate", rate], { cwd: folder });
  let out = "";
  demo.stdout.on("data", (chunk) => (out += chunk));
  demo.stderr.resume();
  const begin = Date.now();
  const tokens = () => out.match(/mart_(?:staff|partner)_\w+/g) ?? [];
  while (tokens().length < 5 || !out.includes("request_id:")) {
    assert.ok(Date.now() - begin < patience && demo.exitCode === null, `the demo printed no tokens: ${out}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const address = out.match(/http:\/\/127\.0\.0\.1:\d+/)[0];
  const staff = tokens().find((token) => token.startsWith("mart_staff_"));
  // Two hours of history come first; the tests begin when it is there and new lines come.
  for (let found = 0; found < 1_000; ) {
    assert.ok(Date.now() - begin < 2 * patience, `there are only ${found} new lines`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const answer = await fetch(`${address}/api/v1/stats`, { method: "POST", headers: { "Content-Type": "application/json", Authorization: `Bearer ${staff}` }, body: JSON.stringify({ query: "| stats count()", from: "-1m" }) });
    found = (await answer.json()).rows?.[0]?.[0] ?? 0;
  }
  const browser = await browse();
  return {
    browser,
    demo,
    address,
    staff,
    request: out.match(/request_id:(\w+)/)[1],
    partner: tokens().find((token) => token.startsWith("mart_partner_")),
    async stop() {
      await browser.close();
      // It writes until it has ended.
      const ended = demo.exitCode === null ? new Promise((resolve) => demo.once("exit", resolve)) : undefined;
      demo.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A browser. */
export const browse = () =>
  chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-precise-memory-info"],
  });

/** Starts a server that holds nothing yet, in a folder with these files; `martlog.toml` is its config. */
export async function serve(files) {
  mkdirSync(shots, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), "martlog-browser-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const data = join(folder, "data");
  const server = spawn(process.env.MARTLOG, ["serve", "--dir", data, "--listen", "127.0.0.1:0", "--probes", "off", "--config", join(folder, "martlog.toml")], { cwd: folder });
  let told = "";
  server.stderr.on("data", (chunk) => (told += chunk));
  const address = await new Promise((resolve, reject) => {
    server.stdout.once("data", (chunk) => resolve(String(chunk).match(/http:\/\/127\.0\.0\.1:\d+/)[0]));
    server.once("exit", () => reject(new Error(told)));
  });
  return {
    address,
    staff: readFileSync(join(data, "staff.token"), "utf8").trim(),
    async stop() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A page whose script errors and foreign requests are complaints. */
export async function open(world, options = {}) {
  const context = await world.browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", timezoneId: "Europe/Kyiv", ...options });
  if (process.env.MARTLOG_UI) await fromSource(context, world.address, process.env.MARTLOG_UI);
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => (complaints.push(`a dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("console", (message) => {
    // The browser itself prints refused sign-ins, bad queries and cut connections as errors: these are what the tests do.
    if (message.type() === "error" && !/status of 4(0[0-4]|09|13|29)|ERR_INTERNET_DISCONNECTED|ERR_FAILED|ERR_CONNECTION_REFUSED/.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    if (![world.address, ...(world.others ?? [])].some((own) => request.url().startsWith(own))) complaints.push(`a request to ${request.url()}`);
  });
  return {
    context,
    page,
    complaints,
    /** A picture, of what is in sight. */
    shot: (name) => page.screenshot({ path: join(shots, `${name}.png`) }),
    /** Ends it; nothing may have been wrong. */
    async close() {
      assert.deepEqual(complaints, []);
      await context.close();
    },
  };
}

/** Takes the page from its source; what the server says beside the files stays. */
async function fromSource(context, address, folder) {
  await context.route(`${address}/assets/**`, (route) => route.fulfill({ path: join(folder, new URL(route.request().url()).pathname.replace("/assets/", "")) }));
  await context.route((url) => url.origin === address && url.pathname === "/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: readFileSync(join(folder, "index.html"), "utf8") });
  });
}

/** Signs in, and goes to a view. */
export async function signIn(page, world, token, path = "/") {
  await page.goto(world.address);
  await page.fill("#token", token);
  await page.click("#sign-in button[type=submit]");
  await page.waitForSelector("#sign-out");
  if (path !== "/") await page.goto(world.address + path);
  await page.waitForSelector("#sign-out");
}

/** The lines that are loaded, by what the status says once the search is done. */
export async function lines(page) {
  await page.waitForSelector("#rows > li");
  await page.waitForFunction(() => /\d/.test(document.querySelector("#status")?.textContent ?? ""));
}

/** How far the page is wider than the window, px. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Asks the server as the page does. */
export const ask = (page, path, body) =>
  page.evaluate(
    async ([at, what]) => {
      const answer = await fetch(`/api/v1/${at}`, { method: "POST", headers: { "Content-Type": "application/json", "X-Martlog-Request": "1" }, body: JSON.stringify(what) });
      return answer.text();
    },
    [path, body],
  );

export const axeSource = () => readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
