// Log text is hostile. Lines with markup, scripts, ANSI, marks of direction, control characters and 256 KiB go through the real door, and are read on every page that shows
// lines: no script runs, no request leaves, no element comes out of them, and the layout holds.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { ask, lines, open, overflow, signIn, start } from "./harness.mjs";

const MARK = "hostileline";
const ESC = "\u001b";

/** What people put into logs, by accident and on purpose. */
const TEXTS = [
  "<script>window.pwned=1</script>",
  "<img src=x onerror=window.pwned=1>",
  "<img src=http://192.0.2.1/leak.png>",
  "<svg onload=window.pwned=1><a href=javascript:window.pwned=1>x</a></svg>",
  "<style>*{display:none}</style>",
  "<link rel=stylesheet href=//192.0.2.1/x.css>",
  "<iframe src=javascript:parent.pwned=1></iframe>",
  "<base href=//192.0.2.1/>",
  "<meta http-equiv=refresh content='0;url=//192.0.2.1/'>",
  "</pre></li></ol></main><h1>gone</h1>",
  "javascript:window.pwned=1//",
  "{{constructor.constructor('window.pwned=1')()}}",
  "${window.pwned=1}`+(window.pwned=1)+`",
  "&lt;script&gt;&#60;script&#62; &quot;&apos;",
  "' onmouseover='window.pwned=1",
  '" autofocus onfocus="window.pwned=1',
  `${ESC}[31mred${ESC}[0m ${ESC}[1;4;5mloud${ESC}[0m ${ESC}[2J${ESC}[H cleared`,
  `${ESC}]0;title\u0007${ESC}]8;;http://192.0.2.1/\u0007link${ESC}]8;;\u0007`,
  "\u202Egnp.exe\u202C and \u2066isolate\u2069 and \u200Fmark",
  "\u0000\u0001\u0008\u000b\u000c\u001f\u007f\u0085 controls",
  "zero\u200Bwidth\uFEFF and \u2028separators\u2029",
  "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d".repeat(60),
  "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}\u200D\u{1F466}".repeat(80),
  "\uD800 lone surrogate".replace("\uD800", "\uFFFD"),
  "A".repeat(20_000),
  "word ".repeat(5_000),
  "\t".repeat(4_000) + "tabs",
  "line\n".repeat(3_000),
  "W".repeat(250_000),
  "漢字かな交じり文".repeat(2_000),
  "__proto__ constructor toString hasOwnProperty",
];

/** More than a hundred lines: each text as a message, as a value, as a key, and as text that is no JSON. */
function body() {
  const time = new Date().toISOString();
  const records = TEXTS.flatMap((text, at) => {
    const id = `${MARK} ${at}`;
    const key = text.slice(0, 60);
    return [
      JSON.stringify({ timestamp: time, level: "error", message: `${id} ${text}`, request_id: `hostile-${at}-00000000` }),
      JSON.stringify({ timestamp: time, level: "warn", message: id, extra: { value: text.slice(0, 30_000), nested: { [key]: text.slice(0, 200) } } }),
      JSON.stringify({ timestamp: time, level: text.slice(0, 40), logger: key, message: id, request_id: text.slice(0, 100), [key]: key }),
      `${id} ${text.replaceAll("\n", " ")}`,
    ];
  });
  return { text: records.join("\n") + "\n", count: records.length };
}

let world;
before(async () => (world = await start({ rate: "20" })));
after(() => world?.stop());

async function push() {
  const send = (path, method, what, token, type = "application/json") => fetch(`${world.address}/api/v1/${path}`, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": type }, body: what });
  const { instances } = await (await send("instances", "GET", undefined, world.staff)).json();
  const [{ id, partner }] = instances;
  const made = await (await send("tokens", "POST", JSON.stringify({ kind: "ingest", partner, instances: [id] }), world.staff)).json();
  const { text, count } = body();
  const answer = await send("ingest", "POST", text, made.token, "application/x-ndjson");
  const said = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(said));
  assert.equal(said.accepted, count, JSON.stringify(said));
  return { instance: id, count };
}

test("a hundred hostile lines are shown on every page, and do nothing", async (t) => {
  const { instance, count } = await push();
  assert.ok(count > 100);
  t.diagnostic(`${count} hostile lines`);
  for (const [name, options] of [
    ["wide", {}],
    ["phone", { viewport: { width: 320, height: 700 } }],
  ]) {
    const { page, shot, close } = await open(world, options);
    const whole = async (/** @type {string} */ where) => {
      assert.equal(await page.evaluate(() => window.pwned), undefined, `a script ran on ${where}`);
      const foreign = await page.evaluate(() => document.querySelectorAll("#app script, #app iframe, #app object, #app embed, #app style, #app link, #app base, #app meta, #app img:not([src='assets/icon.svg']), #app [onerror], #app [onload], #app [onfocus]").length);
      assert.equal(foreign, 0, `an element came out of a line on ${where}`);
      assert.ok((await overflow(page)) <= 0, `${where} is ${await overflow(page)} px too wide`);
    };
    await signIn(page, world, world.staff, `/?q=instance:${instance}+${MARK}&from=-1h&cols=logger,extra.value,request_id`);
    await lines(page);
    await whole("the list");
    // Down the list, opening every fifth line with all that it can show.
    for (let at = 0; at < count; at += 5) {
      await page.evaluate(async (index) => {
        const { rows } = await import("/assets/rows/store.js");
        const { moveTo, toggleOpen } = await import("/assets/rows/cursor.js");
        const entry = rows.at(index);
        if (!entry) return;
        moveTo(entry.id);
        toggleOpen(entry.id);
      }, at);
      await page.waitForSelector("li.open .detail .way");
      await page.locator("li.open .detail .actions button").nth(1).click();
      await whole(`line ${at}, opened`);
      if (at % 25 === 0) {
        await page.locator("li.open .detail .actions button").first().click();
        await page.waitForSelector(".context li.here");
        await whole(`line ${at} with its surroundings`);
        await shot(`hostile-${name}-${at}`);
      }
      await page.evaluate(async () => {
        const { closeOpen } = await import("/assets/rows/cursor.js");
        closeOpen();
      });
      await page.waitForSelector("li.open", { state: "detached" });
    }
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
    for (const button of (await page.locator(".kind button").all()).slice(0, 12)) await button.click();
    await page.waitForSelector(".samples pre");
    await whole("the format problems");
    await page.goto(`${world.address}/?${new URLSearchParams({ q: "<img src=x onerror=window.pwned=1> \"", from: "-1h" })}`);
    await page.waitForSelector("#query-error:not([hidden]), .note, #rows > li");
    await whole("a hostile link");
    await page.goto(`${world.address}/?${new URLSearchParams({ request: "<img src=x onerror=window.pwned=1>" })}`);
    await page.waitForSelector(".note, .step");
    await whole("a hostile id");
    await page.goto(`${world.address}/?problems&from=-1h`);
    for (const text of TEXTS.filter(({ length }) => length < 5_000)) {
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
    for (const head of (await page.locator(".excerpt-lines .head").all()).slice(0, 60)) await head.click();
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
