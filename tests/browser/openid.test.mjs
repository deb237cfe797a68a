// Signing in through a provider, in the browser: the real server behind a proxy that has put it below a path, and a provider of our own.
import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { axeSource, browse, lines, open, overflow, serve } from "./harness.mjs";
import { CLIENT, provider, proxy, SECRET } from "./provider.mjs";

let world;
before(async () => {
  const [sso, front] = [await provider(), await proxy()];
  const config = ["[serve]", `openid-issuer = "${sso.address}"`, `openid-page = "${front.address}"`, `openid-client-id = "${CLIENT}"`, 'openid-client-secret-file = "secret"', 'openid-claim = "groups"', 'openid-staff = ["support"]', 'openid-name = "Test SSO"'];
  const server = await serve({ "martlog.toml": config.join("\n"), secret: SECRET });
  front.target = server.address;
  world = { ...server, address: front.address, others: [sso.address], browser: await browse(), sso, front };
  for (const [partner, module] of [["acme", "sms"], ["zeta", "voice"]]) {
    await send("partners", { id: partner });
    await send("modules", { id: module, partner });
    await send("instances", { id: `${module}-434`, module, csp: "434", selector: { namespace: `ns-${module}` } });
    const { token } = await send("tokens", { kind: "ingest", partner });
    const printed = Array.from({ length: 5 }, (_, at) => JSON.stringify({ timestamp: new Date().toISOString(), level: "info", message: `line ${at} of ${partner}` }));
    await send("ingest", printed.join("\n"), token);
  }
});
after(async () => {
  await world?.browser.close();
  await world?.stop();
  await world?.front.stop();
  await world?.sso.stop();
});

/** Asks the server itself, with a token. */
async function send(path, what, token = world.staff) {
  const text = typeof what === "string" ? what : JSON.stringify(what);
  const answer = await fetch(`${world.front.target}/api/v1/${path}`, { method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": typeof what === "string" ? "application/x-ndjson" : "application/json" }, body: text });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

const VIEW = "/?q=line&from=-1h&cols=module";

/** From a view of the page to the provider, and back as somebody. */
async function signInAs(page, who, path = VIEW) {
  await page.goto(world.address + path);
  await page.click("#provider");
  await page.click(`#${who}`);
}

for (const [who, name, partners] of [["alice", "acme", ["acme"]], ["bob", "staff", ["acme", "zeta"]]]) {
  test(`${who} signs in as ${name} through the provider, sees what she may in the view that she wanted, and signs out`, async () => {
    const { page, context, shot, close } = await open(world);
    await page.goto(world.address + VIEW);
    assert.equal((await page.textContent("#provider")).trim(), "Sign in with Test SSO");
    await shot(`door-provider-${who}`);
    await signInAs(page, who);
    await page.waitForSelector("#sign-out");
    await lines(page);
    assert.equal(page.url(), world.address + VIEW);
    assert.equal(await page.textContent(".who"), name);
    const seen = await page.locator("#rows > li .text").allTextContents();
    assert.deepEqual([...new Set(seen.map((text) => text.split(" ").at(-1)))].sort(), partners);
    assert.equal(seen.length, 5 * partners.length);
    const session = (await context.cookies(`${world.address}/`)).find((cookie) => cookie.name === "martlog_session");
    assert.ok(session?.httpOnly && session.sameSite === "Strict", JSON.stringify(session));
    assert.equal(await page.evaluate(() => document.cookie), "", "no script sees a cookie");
    // The token that holds the session, as a session's.
    await page.goto(`${world.address}/?access=`);
    const row = page.locator("#tokens tbody tr", { hasText: `Test SSO: ${who}` });
    await row.waitFor();
    assert.match(await row.textContent(), /signed in through the provider/);
    await shot(`tokens-provider-${who}`);
    await page.goto(`${world.address}/?access=audit&from=-1h`);
    await page.waitForFunction((told) => document.querySelector("#audit")?.textContent.includes(told), `Test SSO: ${who}`);
    await page.click("#sign-out");
    await page.waitForSelector("#door");
    await page.goBack();
    await page.waitForSelector("#door");
    assert.equal((await context.cookies(`${world.address}/`)).filter((cookie) => cookie.name === "martlog_session").length, 0);
    await close();
  });
}

test("whoever is nobody here reads what to do, in each language, and can still come in with a token", async () => {
  for (const [locale, told] of [["en-GB", "Test SSO knows you, but here you belong to no partner"], ["uk-UA", "Test SSO знає вас"], ["es-ES", "Test SSO le conoce"], ["ru-RU", "Test SSO знает вас"]]) {
    const { page, shot, close } = await open(world, { locale, ...(locale === "es-ES" ? { viewport: { width: 320, height: 700 } } : {}), ...(locale === "uk-UA" ? { colorScheme: "dark" } : {}) });
    await signInAs(page, "mallory");
    await page.waitForSelector("#ending");
    await page.waitForFunction((part) => document.querySelector("#ending")?.textContent.includes(part), told);
    assert.equal(page.url(), world.address + VIEW, "the view is kept, and the address is one to share");
    assert.ok((await overflow(page)) <= 0);
    await shot(`door-nobody-${locale.slice(0, 2)}`);
    await page.evaluate(axeSource());
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)));
    assert.deepEqual(found, []);
    await page.fill("#token", world.staff);
    await page.click("#sign-in button[type=submit]");
    await page.waitForSelector("#sign-out");
    assert.equal(page.url(), world.address + VIEW);
    await close();
  }
});

test("who says no at the provider, comes back twice, or finds it away, is told what to do", async () => {
  const { page, close } = await open(world);
  await signInAs(page, "cancel");
  await page.waitForFunction(() => document.querySelector("#ending")?.textContent.includes("signed nobody in"));
  // The address with the code a second time, as from the history.
  const back = page.waitForRequest(/openid\/callback/);
  await signInAs(page, "alice");
  const used = (await back).url();
  await page.waitForSelector("#sign-out");
  await page.click("#sign-out");
  await page.waitForSelector("#door");
  await page.goto(used);
  await page.waitForFunction(() => document.querySelector("#ending")?.textContent.includes("was used already"));
  assert.ok(!page.url().includes("code=") && !page.url().includes("signin"), page.url());
  // A foreign address as the place to go to afterwards.
  await page.goto(`${world.address}/api/v1/session/openid/begin?to=${encodeURIComponent("//192.0.2.1/")}`);
  await page.click("#alice");
  await page.waitForSelector("#sign-out");
  assert.equal(page.url(), `${world.address}/`);
  await close();
});

test("a link with a made-up ending shows no text of its maker", async () => {
  const { page, close } = await open(world);
  await page.goto(`${world.address}/#signin=<b>call +380 now</b>`);
  await page.waitForSelector("#ending");
  assert.ok(!(await page.textContent("#ending")).includes("380"));
  await close();
});
