// Logs 300 lines through winston-loki, half of them after its standard input has said that the server is away.
//
// Usage: node loki.mjs URL TOKEN
import { once } from "node:events";
import winston from "winston";
import LokiTransport from "winston-loki";

const [host, token] = process.argv.slice(2);
const transport = new LokiTransport({
  host,
  basicAuth: `anybody:${token}`,
  labels: { job: "node" },
  interval: 1,
  clearOnError: false,
  replaceTimestamp: false,
  format: winston.format.printf((info) => String(info.message)),
  onConnectionError: () => {},
});
const logger = winston.createLogger({ level: "info", transports: [transport] });

for (let number = 0; number < 150; number += 1) logger.info(`winston ${number}`);
await transport.flush();
process.stdout.write("half\n");
await once(process.stdin, "data");
for (let number = 150; number < 300; number += 1) logger.info(`winston ${number}`);
// What fails is put back into the batch, so nothing may be waiting and nothing under way.
for (let attempt = 0; attempt < 600; attempt += 1) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { batch, batchesSending } = transport.batcher;
  if (batch.streams.length === 0 && batchesSending === 0) break;
}
process.exit(0);
