// The tour: ten complaints, who takes each, and the steps that lead to its cause. docs/tour.md is made of this, and the test walks it.
//
// A step is what a reader is told and what the test does; there are six at most. `cause` is what the page says in the end.

const number = (each) => `+${each.number}`;

/** Types into the field of the start page. @param {(each: any) => string} text */
const paste = (text) => async (page, each) => {
  await page.fill("#what", text(each));
  await page.waitForSelector("#readings .first");
};
const enter = (page) => page.press("#what", "Enter");

/** Opens the first line with this in it. @param {string} text */
const openLine = (text) => async (page) => {
  const line = page.locator("#rows > li", { hasText: text }).first();
  await line.locator(".head").click();
  await page.waitForSelector("#rows > li.open .detail .actions");
};
const whole = async (page) => {
  await page.locator("#rows > li.open .detail .actions a.button").first().click();
  await page.waitForSelector(".story .step");
};

const PASTE = "Paste the number into “What happened?” and press Enter: it is read as a phone number.";
const WHOLE = "Choose “Whole request”.";
const byNumber = (line) => [
  [PASTE, async (page, each) => (await paste(number)(page, each), await enter(page), await page.waitForSelector("#rows > li"))],
  [`Open the line “${line}”.`, openLine(line)],
  [WHOLE, whole],
];

/** @type {{name: string, who: "partner" | "staff", complaint: string, steps: [string, (page: import("playwright-core").Page, each: any) => Promise<unknown>][], cause: RegExp, told: string}[]} */
export const TOUR = [
  {
    name: "sms_timeout",
    who: "partner",
    complaint: "Customer 434: the SMS to +380 50 111 22 33 did not arrive this morning.",
    steps: byNumber("SMS delivery failed"),
    cause: /message provider did not answer, and the message was given up/,
    told: "The provider did not answer three times, and the module gave the message up. Nothing is wrong with the customer.",
  },
  {
    name: "sms_expired",
    who: "partner",
    complaint: "Customer 434: an SMS to +380 66 765 43 21 was sent, says the shop, and never came.",
    steps: byNumber("Delivery receipt: expired"),
    cause: /phone was switched off or out of reach/,
    told: "The message left; the phone was not reachable until it expired.",
  },
  {
    name: "code_expired",
    who: "partner",
    complaint: "Customer 434: +380 95 123 00 99 cannot sign in, “the code is never right”.",
    steps: byNumber("Sign-in refused"),
    cause: /had expired 41 s before/,
    told: "The code was right and came too late: the message took more than two and a half minutes, and the pause is drawn between the lines.",
  },
  {
    name: "ledger",
    who: "staff",
    complaint: "Customer 517: +34 691 222 333 paid for a top-up, and the balance is the old one.",
    steps: byNumber("Balance not booked"),
    cause: /Two bookings blocked each other/,
    told: "The card was charged, and the booking was taken back by the database. Three modules of two partners tell it together.",
  },
  {
    name: "declined",
    who: "staff",
    complaint: "Customer 434: +380 50 777 00 01 cannot top up.",
    steps: byNumber("Payment declined"),
    cause: /bank declined the card: insufficient funds/,
    told: "The customer's own bank declined the card.",
  },
  {
    name: "trunk",
    who: "staff",
    complaint: "Customer 902: “for some minutes nobody could call out today.”",
    steps: [
      ["Paste 902 into “What happened?” and press Enter: it is read as a customer.", async (page) => (await paste(() => "902")(page), await enter(page), await page.waitForSelector("#rows > li"))],
      ["Add “Call failed” to the query and press Enter: only those lines stay.", async (page) => (await page.fill("#query", 'csp:902 "Call failed" "Service Unavailable"'), await page.press("#query", "Enter"), await page.waitForFunction(() => [...document.querySelectorAll("#rows > li .text")].every((each) => each.textContent.includes("Call failed"))))],
      ["Open the time with “Other…” and paste the time that the complaint names; press Enter.", async (page, each) => {
        await page.click("#when-button");
        await page.fill("#when-text", new Date(each.at + 80_000).toISOString());
        await page.press("#when-text", "Enter");
        await page.waitForFunction(() => new URL(location.href).searchParams.get("to"));
        await page.waitForSelector("#rows > li");
      }],
      ["Open one of the lines.", openLine("503 Service Unavailable")],
      [WHOLE, whole],
    ],
    cause: /line to the other network was not available/,
    told: "The trunk to the other network was away for some minutes: the histogram shows when it began and when it ended.",
  },
  {
    name: "codec",
    who: "staff",
    complaint: "Customer 517: a call was dropped at once; all there is is its Call-ID.",
    steps: [
      ["Paste the Call-ID into “What happened?” and press Enter: it is read as the id of a call.", async (page, each) => (await paste(({ call }) => call)(page, each), await enter(page), await page.waitForSelector(".story .step"))],
    ],
    cause: /no voice format in common/,
    told: "Both sides know no voice format in common.",
  },
  {
    name: "porting",
    who: "staff",
    complaint: "Customer 517: the order NP-20771234 has not moved since last night.",
    steps: [
      ["Paste the number of the order and press Enter.", async (page, each) => (await paste(({ order }) => order)(page, each), await enter(page), await page.waitForSelector("#rows > li"))],
      ["Open the line “not requested”.", openLine("not requested")],
      [WHOLE, whole],
    ],
    cause: /All connections to the database were in use/,
    told: "The broker had no connection to its database left, and did not ask the other telco. The step has to be started again.",
  },
  {
    name: "esim",
    who: "staff",
    complaint: "Customer 434: an eSIM cannot be installed; on the card stands 8938003992145678901.",
    steps: [
      ["Paste the ICCID and press Enter.", async (page, each) => (await paste(({ iccid }) => iccid)(page, each), await enter(page), await page.waitForSelector("#rows > li"))],
      ["Open the line “confirmOrder refused”.", openLine("confirmOrder refused")],
      [WHOLE, whole],
    ],
    cause: /installed on another device already/,
    told: "The profile is on another device already.",
  },
  {
    name: "roaming",
    who: "staff",
    complaint: "Customer 434: +380 66 000 11 22 is abroad and has no data.",
    steps: byNumber("Update refused"),
    cause: /Roaming is not part of the plan/,
    told: "Roaming is not part of the plan.",
  },
];

/** docs/tour.md, as it is checked in. */
export function document() {
  const cases = TOUR.map(({ name, who, complaint, steps, told }, at) =>
    [`## ${at + 1}. ${complaint}`, "", `Taken by ${who === "staff" ? "support" : "the developer of the partner that owns the module"}.`, "", ...steps.map(([said], step) => `${step + 1}. ${said}`), "", `**Cause:** ${told}`, "", `![${complaint.replaceAll("“", "").replaceAll("”", "")}](tour/${name}.png)`, ""].join("\n"),
  );
  return [
    "# From a complaint to its cause",
    "",
    "Ten complaints as they come in, over a day of the demo's telcos with ten causes planted in it (`tests/browser/day.mjs`). Each is solved on the page in at most six steps, from the one field of the start page to the",
    "sentence above the request. A browser walks these steps in every run of the tests and makes the pictures: `TOUR=write tests/run browser` writes this file and them anew.",
    "",
    "A rule makes the sentence out of what the lines say (`query/ui/trace/causes.js`) and names the line it goes by; where no rule knows, the first error is named.",
    "",
    ...cases,
  ].join("\n");
}
