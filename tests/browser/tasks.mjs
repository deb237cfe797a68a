// How long the page's tasks are while something is done with it: by the clock, which other programs of the machine take part in, and by the processor's time, which is the page's own.

/** From here on a task is long, ms. */
export const LONG_MS = 50;

/**
 * @template T
 * @param {import("playwright-core").BrowserContext} context
 * @param {import("playwright-core").Page} page
 * @param {() => Promise<T>} deed
 * @returns {Promise<{result: T, clock: number[], processor: number[]}>} the tasks that were long, ms, by either
 */
export async function traced(context, page, deed) {
  const session = await context.newCDPSession(page);
  /** @type {any[]} */
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await session.send("Tracing.start", { traceConfig: { includedCategories: ["toplevel"], recordMode: "recordAsMuchAsPossible" }, transferMode: "ReportEvents" });
  const result = await deed();
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await complete;
  await session.detach();
  const threads = new Set(events.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(({ pid, tid }) => `${pid}/${tid}`));
  const tasks = events.filter(({ ph, name, pid, tid }) => ph === "X" && name.endsWith("RunTask") && threads.has(`${pid}/${tid}`));
  const long = (/** @type {(event: any) => number} */ of) => tasks.map((event) => of(event) / 1_000).filter((ms) => ms > LONG_MS);
  return { result, clock: long(({ dur }) => dur), processor: long(({ tdur }) => tdur ?? 0) };
}

/** As a diagnostic says it. @param {{clock: number[], processor: number[]}} tasks */
export function told({ clock, processor }) {
  const of = (/** @type {number[]} */ list) => `${list.length}${list.length > 0 ? ` (longest ${Math.round(Math.max(...list))} ms)` : ""}`;
  return `tasks over ${LONG_MS} ms: ${of(processor)} by the processor's time, ${of(clock)} by the clock`;
}
