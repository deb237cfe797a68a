// Emits 400 records with Node's OpenTelemetry SDK, waits in the middle until its output was read, and prints what the SDK was warned of.
//
// Usage: node otel.mjs proto|http ENDPOINT TOKEN
import { diag, DiagLogLevel } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as JsonExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";

const [encoding, url, token] = process.argv.slice(2);
const said = [];
const keep = (...parts) => said.push(parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part))).join(" "));
diag.setLogger({ error: keep, warn: keep, info: () => {}, debug: () => {}, verbose: () => {} }, DiagLogLevel.WARN);

const Exporter = encoding === "proto" ? ProtoExporter : JsonExporter;
const exporter = new Exporter({ url, headers: { Authorization: `Bearer ${token}` }, compression: CompressionAlgorithm.GZIP, timeoutMillis: 300_000 });
const processor = new BatchLogRecordProcessor({ exporter, scheduledDelayMillis: 100, maxExportBatchSize: 50, maxQueueSize: 10_000, exportTimeoutMillis: 300_000 });
const provider = new LoggerProvider({ resource: resourceFromAttributes({ "service.name": "node-sms" }), processors: [processor] });
const logger = provider.getLogger("otel.mjs", "1");

const emit = (number) =>
  logger.emit({ severityNumber: SeverityNumber.WARN, body: `node ${number}`, attributes: { n: number, encoding, nested: { a: [1, "x", true] } } });

for (let number = 0; number < 200; number += 1) emit(number);
await provider.forceFlush();
process.stdout.write("half\n");
for (let number = 200; number < 400; number += 1) {
  emit(number);
  await new Promise((resolve) => setTimeout(resolve, 2));
}
logger.emit({ body: "without a level" });
await provider.forceFlush();
await provider.shutdown();
process.stdout.write(`${said.join("\n")}\n`);
