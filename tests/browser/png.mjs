// Small pictures for documents: a screenshot with at most 128 colours, as an indexed PNG. What a page shows has few colours, so nothing is seen of it.
import { deflateSync } from "node:zlib";

const COLOURS = 128;

/** CRC-32 of PNG's pieces. */
const TABLE = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function crc(bytes) {
  let c = 0xffffffff;
  for (const byte of bytes) c = TABLE[(c ^ byte) & 255] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

function piece(name, data) {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  out.writeUInt32BE(crc(body), body.length + 4);
  return out;
}

/** The palette of the commonest colours, and of each colour the number of its nearest. @param {Uint32Array} pixels */
function palette(pixels) {
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const chosen = [...counts].sort((a, b) => b[1] - a[1]).slice(0, COLOURS).map(([pixel]) => pixel);
  const parts = (pixel) => [pixel & 255, (pixel >>> 8) & 255, (pixel >>> 16) & 255];
  const known = chosen.map(parts);
  const nearest = new Map();
  for (const pixel of counts.keys()) {
    const [r, g, b] = parts(pixel);
    let [best, least] = [0, Infinity];
    known.forEach(([x, y, z], at) => {
      const far = (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
      if (far < least) [best, least] = [at, far];
    });
    nearest.set(pixel, best);
  }
  return { known, nearest };
}

/** Decodes a PNG in a page of its own, since the browser can. @param {import("playwright-core").Browser} browser @param {Buffer} png */
async function pixelsOf(browser, png) {
  const page = await browser.newPage();
  const [width, height, data] = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let text = "";
    for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
    return [bitmap.width, bitmap.height, btoa(text)];
  }, png.toString("base64"));
  await page.close();
  const bytes = Buffer.from(data, "base64");
  return { width, height, pixels: new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) };
}

/** @param {import("playwright-core").Browser} browser @param {Buffer} png @returns {Promise<Buffer>} */
export async function smaller(browser, png) {
  const { width, height, pixels } = await pixelsOf(browser, png);
  const { known, nearest } = palette(pixels);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x]);
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, piece("IHDR", head), piece("PLTE", Buffer.from(known.flat())), piece("IDAT", deflateSync(rows, { level: 9 })), piece("IEND", Buffer.alloc(0))]);
}
