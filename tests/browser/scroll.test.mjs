// 100,000 lines in the list. What can be counted is judged (elements in the page, lines that are loaded); what depends on the machine is measured and printed.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { lines, open, signIn, start } from "./harness.mjs";
import { told, traced } from "./tasks.mjs";

const LINES = 100_000;
const ELEMENTS_MAX = 200;
const FIRST_VISIT_MAX = 120 * 1024;

let world;
before(async () => (world = await start()));
after(() => world?.stop());

test("a first visit takes less than 120 KB", async (t) => {
  const { page, close } = await open(world);
  const files = [];
  page.on("response", (answer) => files.push(answer));
  await page.goto(world.address);
  await page.waitForSelector("#token");
  let [bytes, packed, count] = [0, 0, 0];
  for (const file of files.filter((each) => !each.url().includes("/api/") && each.ok())) {
    const body = await file.body();
    const { responseBodySize } = await file.request().sizes();
    [bytes, packed, count] = [bytes + body.length, packed + Math.max(responseBodySize, 0), count + 1];
    assert.ok(gzipSync(body).length > 0);
  }
  t.diagnostic(`first visit: ${count} files, ${bytes} bytes, ${packed} on the wire`);
  assert.ok(packed < FIRST_VISIT_MAX, `${packed} bytes`);
  await close();
});

test("100,000 lines scroll with few elements in the page", async (t) => {
  const { page, context, shot, close } = await open(world);
  await signIn(page, world, world.staff, "/?q=&from=-3h");
  await lines(page);
  // To the end again and again, which asks for more.
  const loading = await page.evaluate(async (wanted) => {
    const { rows } = await import("/assets/rows/store.js");
    const began = performance.now();
    let most = 0;
    while (rows.loaded < wanted && performance.now() - began < 240_000) {
      scrollTo({ top: document.documentElement.scrollHeight });
      await new Promise((resolve) => setTimeout(resolve, 16));
      most = Math.max(most, document.querySelectorAll("#rows > li").length);
    }
    return { count: rows.loaded, seconds: (performance.now() - began) / 1_000, most };
  }, LINES);
  t.diagnostic(`loaded ${loading.count} lines in ${loading.seconds.toFixed(1)} s`);
  assert.equal(loading.count, LINES);
  const tasks = await traced(context, page, () => page.evaluate(async () => {
    const frames = [];
    let most = 0;
    let before = performance.now();
    const height = document.documentElement.scrollHeight;
    // From the top to the end in small steps, in large ones, and to random places.
    const places = [...Array.from({ length: 200 }, (_, at) => at * 90), ...Array.from({ length: 200 }, (_, at) => (at * height) / 200), ...Array.from({ length: 100 }, (_, at) => ((at * 7_919) % 100) * (height / 100))];
    for (const top of places) {
      scrollTo({ top });
      await new Promise((resolve) => requestAnimationFrame(resolve));
      const now = performance.now();
      frames.push(now - before);
      before = now;
      most = Math.max(most, document.querySelectorAll("#rows > li").length);
    }
    frames.sort((a, b) => a - b);
    return { most, p50: frames[frames.length >> 1], p99: frames[Math.floor(frames.length * 0.99)], heap: performance.memory?.usedJSHeapSize ?? 0 };
  }));
  const scrolling = tasks.result;
  t.diagnostic(`scrolling: frames p50 ${scrolling.p50.toFixed(1)} ms, p99 ${scrolling.p99.toFixed(1)} ms; ${told(tasks)}`);
  t.diagnostic(`at most ${Math.max(loading.most, scrolling.most)} row elements; heap ${(scrolling.heap / 2 ** 20).toFixed(0)} MiB`);
  assert.ok(Math.max(loading.most, scrolling.most) <= ELEMENTS_MAX);
  // Wherever one is, there are lines to read.
  assert.ok(await page.evaluate(() => document.elementsFromPoint(innerWidth / 2, innerHeight / 2).some((element) => element.closest("#rows > li"))));
  await shot("scrolled");
  await close();
});
