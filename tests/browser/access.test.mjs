// Every screen, in light, dark and high contrast, wide and narrow: axe-core finds nothing that shuts somebody out.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { ask, axeSource, lines, open, signIn, start } from "./harness.mjs";

let world;
before(async () => (world = await start({ rate: "40" })));
after(() => world?.stop());

/** @type {Record<string, {path: string, ready: string, act?: (page: import("playwright-core").Page) => Promise<unknown>}>} */
const screens = {
  start: { path: "/", ready: ".instances tbody tr" },
  detected: { path: "/", ready: "#what", act: (page) => page.fill("#what", "434") },
  explorer: { path: "/?q=&from=-1h&cols=request_id", ready: "#rows > li" },
  suggestions: { path: "/?q=&from=-1h", ready: "#rows > li", act: async (page) => (await page.focus("#query"), await page.keyboard.type("lev"), await page.waitForSelector("#suggestions li"), await page.keyboard.press("ArrowDown")) },
  mistake: { path: "/?q=level:eror", ready: "#query-error button" },
  nothing: { path: "/?q=nosuchwordanywhere", ready: ".note" },
  row: { path: "/?q=request_id:*&from=-1h", ready: "#rows > li", act: async (page) => (await page.click("#rows > li .head"), await page.locator(".detail .actions button").first().click(), await page.waitForSelector(".context li.here")) },
  time: { path: "/?q=&from=-1h", ready: "#rows > li", act: (page) => page.click("#when-button") },
  follow: { path: "/?q=&from=-5m&follow=1", ready: ".strip.open" },
  table: { path: "/?q=|+timechart+5m+count()+by+module&from=-1h", ready: ".chart" },
  request: { path: "/?request=REQUEST", ready: ".step", act: async (page) => (await page.click(".step .head"), await page.waitForSelector(".step .detail .way")) },
  problems: { path: "/?problems", ready: ".version-card", act: async (page) => (await page.locator(".kind button").first().click(), await page.waitForSelector(".samples pre")) },
  check: { path: "/?problems", ready: "#check-text", act: async (page) => (await page.click("#check-example"), await page.waitForSelector(".checked mark"), await page.locator(".checked details summary").first().click()) },
  export: { path: "/?q=level:error&from=-1h", ready: "#rows > li", act: async (page) => (await page.click("#export-button"), await page.waitForSelector(".export-form")) },
  exported: { path: "/?q=level:error&from=-1h", ready: "#rows > li", act: async (page) => (await page.click("#export-button"), await page.click("#export-go"), await page.waitForSelector("#export-hash")) },
  share: { path: "/?q=level:error&from=-1h", ready: "#rows > li", act: async (page) => (await page.click("#share-button"), await page.waitForSelector("#excerpt-form")) },
  shared: { path: "/?q=level:error&from=-1h", ready: "#rows > li", act: async (page) => (await page.click("#share-button"), await page.click("#excerpt-make"), await page.waitForSelector("#excerpt-link")) },
  links: { path: "/?access=links", ready: "#links li" },
  tokens: { path: "/?access=", ready: "#tokens tbody tr", act: async (page) => (await page.click("#token-new"), await page.waitForSelector("#token-form")) },
  audit: { path: "/?access=audit&from=-1h", ready: "#audit tbody tr" },
  usage: { path: "/?usage=&from=-7d", ready: "#usage tbody tr" },
  help: { path: "/", ready: "#what", act: (page) => page.click("#help-button") },
  settings: { path: "/", ready: "#what", act: (page) => page.click("#settings-button") },
  commands: { path: "/", ready: "#what", act: async (page) => (await page.keyboard.press("Control+k"), await page.waitForSelector("#command-list li")) },
};

async function check(page, where) {
  // Animations end before colours are measured.
  await page.waitForFunction(() => document.getAnimations().every((animation) => animation.effect?.getTiming().iterations === Infinity || animation.playState === "finished"));
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`).join(" · ")}`);
  });
  return found.map((violation) => `${where}: ${violation}`);
}

for (const [name, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["contrast", { theme: "contrast" }],
  ["phone", { viewport: { width: 360, height: 740 } }],
]) {
  test(`${name}: nothing shuts anybody out`, async () => {
    const { theme, ...context } = options;
    const { page, shot, close } = await open(world, { bypassCSP: false, ...context });
    if (theme) await page.addInitScript((value) => localStorage.setItem("martlog.theme", value), theme);
    // By the tools of the browser, which the page's policy does not bind.
    await page.addInitScript({ content: axeSource() });
    await page.goto(world.address);
    await page.waitForSelector("#token");
    const found = await check(page, `${name}: door`);
    await signIn(page, world, world.staff);
    for (const [screen, { path, ready, act }] of Object.entries(screens)) {
      await page.goto(world.address + path.replace("REQUEST", world.request));
      await page.waitForSelector(ready);
      await act?.(page);
      if (screen === "explorer") await lines(page);
      await shot(`${name}-${screen}`);
      found.push(...(await check(page, `${name}: ${screen}`)));
    }
    // What somebody without a token sees.
    const made = JSON.parse(await ask(page, "excerpts", { query: "level:error", from: "-1h", limit: 3, expires_in: "1d", note: "for a ticket" }));
    await page.goto(`${world.address}/?excerpt=${made.id}#${made.secret}`);
    await page.waitForSelector(".excerpt-lines li");
    await page.click(".excerpt-lines li:first-child .head");
    await shot(`${name}-excerpt`);
    found.push(...(await check(page, `${name}: excerpt`)));
    await page.goto(`${world.address}/?excerpt=${made.id}`);
    await page.reload();
    await page.waitForSelector(".note");
    found.push(...(await check(page, `${name}: excerpt without its secret`)));
    assert.deepEqual(found, []);
    await close();
  });
}
