// The budgets of the page, measured in a real browser over many lines: BUDGETS=500000 tests/run browser. Prints figures and passes no judgement on wall time: machines differ.
// What can be counted without a clock (bytes, elements, lost lines) is judged.
import { test } from "node:test";
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { fill } from "./load.mjs";
import { lines, open, signIn, start } from "./harness.mjs";
import { told as toldTasks, traced } from "./tasks.mjs";

const LINES = Number(process.env.BUDGETS ?? 0);
const REPEATS = 30;
const LIVE_RATE = process.env.BUDGETS_RATE ?? "2000";
const LIVE_S = 20;
const rowsOf = [];

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.min(Math.floor(values.length * q), values.length - 1)];
const ms = (values) => `p50 ${Math.round(quantile(values, 0.5))} ms, p95 ${Math.round(quantile(values, 0.95))} ms`;

function told(t, what, budget, figure) {
  rowsOf.push([what, budget, figure]);
  t.diagnostic(`${what}: ${figure} (budget ${budget})`);
}

test("the budgets", { skip: LINES === 0 && "set BUDGETS to a number of lines" }, async (t) => {
  const world = await start({ rate: "20" });
  try {
    const filled = await fill(world, LINES);
    t.diagnostic(`${LINES} lines pushed in ${filled.seconds.toFixed(0)} s; instance ${filled.instance} has ${filled.ofInstance} of them`);
    await visit(t, world);
    await asked(t, world, filled);
    await suggested(t, world);
    await scrolled(t, world);
  } finally {
    await world.stop();
  }
  const live = await start({ rate: LIVE_RATE });
  try {
    await followed(t, live);
  } finally {
    await live.stop();
  }
  const table = ["| | budget | measured |", "|---|---|---|", ...rowsOf.map((row) => `| ${row.join(" | ")} |`), ""].join("\n");
  writeFileSync(new URL("shots/budgets.md", import.meta.url), table);
  t.diagnostic(`\n${table}`);
});

async function visit(t, world) {
  const { page, close } = await open(world);
  const sizes = [];
  page.on("response", (answer) => {
    if (!answer.url().includes("/api/") && answer.ok()) sizes.push(answer.request().sizes());
  });
  const began = Date.now();
  await page.goto(world.address);
  await page.waitForSelector("#token");
  const interactive = Date.now() - began;
  await page.waitForLoadState("networkidle");
  // From its source the page comes in another way than over the wire.
  const packed = process.env.MARTLOG_UI ? 0 : (await Promise.all(sizes)).reduce((sum, size) => sum + Math.max(size.responseBodySize, 0), 0);
  told(t, "First visit", "≤ 120 KB, interactive < 1 s", `${(packed / 1024).toFixed(1)} KB, ${interactive} ms`);
  assert.ok(packed < 120 * 1024);
  await close();
}

/** From Enter to the first rows, and to the histogram of a week. */
async function asked(t, world, { instance, partner }) {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff, `/?q=instance:${instance}&from=-24h`);
  await lines(page);
  const [first, bars] = [[], []];
  for (let turn = 0; turn < REPEATS; turn++) {
    first.push(await timed(page, { query: `instance:${instance} -never${turn}`, from: "-24h" }, "rows"));
    bars.push(await timed(page, { query: `partner:${partner} -never${turn}`, from: "-7d" }, "bars"));
  }
  // The first ones warm up.
  told(t, "First rows after Enter, 24 h of one instance, warm", "< 200 ms p50, < 500 ms p95", ms(first.slice(3)));
  told(t, "Histogram, 7 days of one partner", "< 700 ms p95", ms(bars.slice(3)));
  await close();
}

/** Goes to a view as Enter does, and waits until what was asked for is painted. @param {"rows" | "bars"} what */
const timed = (page, view, what) =>
  page.evaluate(
    async ([to, wanted]) => {
      const [{ go }, { rows }, { histogramState }] = await Promise.all([import("/assets/app/address.js"), import("/assets/rows/store.js"), import("/assets/search/state.js")]);
      const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))));
      const began = performance.now();
      go({ page: "explore", to: "", follow: false, row: "", ...to });
      const ready = () => (wanted === "rows" ? rows.count > 0 : histogramState.value === "ready");
      while (!ready()) await new Promise((resolve) => setTimeout(resolve, 1));
      return (await painted()) - began;
    },
    [view, what],
  );

async function suggested(t, world) {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=&from=-24h");
  await lines(page);
  const times = [];
  for (let turn = 0; turn < REPEATS; turn++) {
    await page.fill("#query", "");
    await page.focus("#query");
    // Another word each time, so that what stands there is not taken for the answer.
    const [typed, wanted] = [["module:v", "vonage-sms"], ["module:p", "pay-bridge"], ["module:s", "sip-control"]][turn % 3];
    times.push(
      await page.evaluate(async ([text, value]) => {
        const field = /** @type {HTMLInputElement} */ (document.querySelector("#query"));
        const began = performance.now();
        field.value = text;
        field.setSelectionRange(text.length, text.length);
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        while (![...document.querySelectorAll("#suggestions li")].some((item) => item.textContent.includes(value))) await new Promise((resolve) => setTimeout(resolve, 1));
        return performance.now() - began;
      }, [typed, wanted]),
    );
  }
  told(t, "Keystroke to suggestion", "< 80 ms p95", ms(times));
  await close();
}

async function scrolled(t, world) {
  const { page, context, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=&from=-24h");
  await lines(page);
  await page.evaluate(async () => {
    const { rows } = await import("/assets/rows/store.js");
    while (rows.loaded < 100_000) {
      scrollTo({ top: document.documentElement.scrollHeight });
      await new Promise((resolve) => setTimeout(resolve, 16));
    }
    scrollTo({ top: 0 });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  });
  const tasks = await traced(context, page, () => page.evaluate(async () => {
    const height = document.documentElement.scrollHeight;
    let most = 0;
    for (let at = 0; at < 500; at++) {
      scrollTo({ top: at < 250 ? at * 90 : ((at * 7_919) % 100) * (height / 100) });
      await new Promise((resolve) => requestAnimationFrame(resolve));
      most = Math.max(most, document.querySelectorAll("#rows > li").length);
    }
    return { most, heap: performance.memory?.usedJSHeapSize ?? 0 };
  }));
  const found = tasks.result;
  told(t, "100,000 loaded rows, scrolled", "no task over 50 ms, ≤ 200 row elements, < 150 MB heap", `${toldTasks(tasks)}; ${found.most} row elements, ${(found.heap / 1e6).toFixed(0)} MB heap`);
  assert.ok(found.most <= 200);
  await close();
}

/** From printing to the screen, and that nothing is lost at that rate. */
async function followed(t, world) {
  const { page, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=&from=-5m&follow=1");
  await page.waitForSelector(".strip.open");
  const found = await page.evaluate(async (seconds) => {
    const { rows } = await import("/assets/rows/store.js");
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const [lags, from] = [[], rows.loaded];
    let seen = rows.newer.length;
    const [began, since] = [performance.now(), Date.now()];
    while (performance.now() - began < seconds * 1_000) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = Date.now();
      for (; seen < rows.newer.length; seen++) {
        const row = rows.row(rows.newer[seen]);
        const printed = Date.parse(row.read ?? row.time);
        // What the demo printed of its past, before anybody collected it, comes as well.
        if (printed >= since) lags.push(now - printed);
      }
    }
    const arrived = rows.newer.map((entry) => rows.row(entry).arrived).sort();
    const [first, last] = [arrived[0], arrived.at(-1)];
    return { lags, rate: (rows.loaded - from) / seconds, first, last };
  }, LIVE_S);
  // What the server has of that time is here.
  const lost = await page.evaluate(async ({ first, last }) => {
    const { rows } = await import("/assets/rows/store.js");
    const answer = await fetch("/api/v1/search", { method: "POST", headers: { "Content-Type": "application/json", "X-Martlog-Request": "1" }, body: JSON.stringify({ query: "", from: "-2m", limit: 10_000 }) });
    const there = (await answer.text()).trim().split("\n").map((line) => JSON.parse(line).row).filter((row) => row && row.arrived > first && row.arrived < last);
    return { of: there.length, missing: there.filter((row) => !rows.byId.has(row.id)).length };
  }, found);
  told(t, `Live, printed → on screen at ${Math.round(found.rate)} lines/s`, "≤ 1 s p95; 2,000 lines/s without loss", `${ms(found.lags)}; ${lost.missing} of ${lost.of} compared lines missing`);
  assert.equal(lost.missing, 0);
  await close();
}
