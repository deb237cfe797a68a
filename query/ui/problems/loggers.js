// @ts-check
// What an author changes in the logger that the module has: for each group of problems a piece of Python, Node, Java, Go and .NET, to be taken as it stands.
//
// Code is no sentence: it is the same in every language of the page. Names of libraries are those that most modules use.

export const LOGGERS = /** @type {const} */ (["Python", "Node", "Java", "Go", ".NET"]);

/** @typedef {typeof LOGGERS[number]} Logger */
/** @typedef {"json" | "time" | "level" | "message" | "ids" | "secrets" | "size" | "flush"} Group */

/** Which group mends which problem. @type {Record<string, Group>} */
const GROUP_OF = {
  not_json: "json", not_object: "json", alias_used: "json", type_conflict: "json", duplicate_key: "json", bad_utf8: "json",
  missing_timestamp: "time", bad_timestamp: "time", no_zone: "time", clock_skew: "time",
  missing_level: "level", unknown_level: "level",
  missing_message: "message", empty_message: "message",
  bad_id: "ids", reserved_key: "ids",
  secret_redacted: "secrets",
  too_long: "size", too_many_fields: "size", too_deep: "size", key_too_long: "size",
  incomplete: "flush",
};

/** @type {Record<Group, Record<Logger, string>>} */
const RECIPES = {
  json: {
    Python: `# pip install python-json-logger
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(JsonFormatter(
    "{asctime}{levelname}{message}", style="{",
    rename_fields={"asctime": "timestamp", "levelname": "level"},
    datefmt="%Y-%m-%dT%H:%M:%S%z"))
logging.basicConfig(level=logging.INFO, handlers=[handler])
logging.getLogger("uvicorn.access").handlers = [handler]`,
    Node: `const log = require("pino")({
  messageKey: "message",
  timestamp: () => \`,"timestamp":"\${new Date().toISOString()}"\`,
  formatters: { level: (label) => ({ level: label }) },
});`,
    Java: `<!-- logback.xml, net.logstash.logback:logstash-logback-encoder -->
<encoder class="net.logstash.logback.encoder.LogstashEncoder">
  <fieldNames><timestamp>timestamp</timestamp><levelValue>[ignore]</levelValue></fieldNames>
  <timeZone>UTC</timeZone>
</encoder>`,
    Go: `log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{
	ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey:
			a.Key = "timestamp"
		case slog.MessageKey:
			a.Key = "message"
		}
		return a
	},
}))`,
    ".NET": `// Serilog.Expressions
Log.Logger = new LoggerConfiguration()
    .WriteTo.Console(new ExpressionTemplate(
        "{ {timestamp: UtcDateTime(@t), level: @l, message: @m, error: @x, ..@p} }\\n"))
    .CreateLogger();`,
  },
  time: {
    Python: `datetime.now(timezone.utc).isoformat(timespec="milliseconds")`,
    Node: `timestamp: () => \`,"timestamp":"\${new Date().toISOString()}"\``,
    Java: `Instant.now().toString()   // logback: <timeZone>UTC</timeZone>`,
    Go: `time.Now().UTC().Format(time.RFC3339Nano)`,
    ".NET": `DateTimeOffset.UtcNow.ToString("O")`,
  },
  level: {
    Python: `rename_fields={"levelname": "level"}`,
    Node: `formatters: { level: (label) => ({ level: label }) }   // the word, not 30`,
    Java: `<levelValue>[ignore]</levelValue>   <!-- "level" stays the word -->`,
    Go: `slog.NewJSONHandler(os.Stdout, nil)   // "level":"INFO"`,
    ".NET": `level: @l   // in the ExpressionTemplate`,
  },
  message: {
    Python: `log.info("message sent", extra={"to": number, "parts": 2})`,
    Node: `log.info({ to, parts: 2 }, "message sent");`,
    Java: `log.info("message sent", kv("to", to), kv("parts", 2));`,
    Go: `log.Info("message sent", "to", to, "parts", 2)`,
    ".NET": `log.Information("message sent to {To} in {Parts} parts", to, parts);`,
  },
  ids: {
    Python: `log.info("started", extra={"request_id": str(request_id), "python_module": "views"})`,
    Node: `log.info({ request_id: String(requestId), source_module: "views" }, "started");`,
    Java: `MDC.put("request_id", String.valueOf(requestId));`,
    Go: `log.Info("started", "request_id", fmt.Sprint(requestID), "source_module", "views")`,
    ".NET": `using (LogContext.PushProperty("request_id", requestId.ToString()))`,
  },
  secrets: {
    Python: `class Secrets(logging.Filter):
    def filter(self, record):
        for name in ("password", "token", "authorization"):
            record.__dict__.pop(name, None)
        return True

handler.addFilter(Secrets())`,
    Node: `require("pino")({ redact: { paths: ["password", "token", "req.headers.authorization"], remove: true } })`,
    Java: `<jsonGeneratorDecorator class="net.logstash.logback.mask.MaskingJsonGeneratorDecorator">
  <path>password</path><path>token</path><path>authorization</path>
</jsonGeneratorDecorator>`,
    Go: `func (Token) LogValue() slog.Value { return slog.StringValue("***") }`,
    ".NET": `.Destructure.ByTransforming<Login>(login => new { login.User })`,
  },
  size: {
    Python: `log.info("answer received", extra={"status": answer.status_code, "bytes": len(answer.content)})`,
    Node: `log.info({ status: answer.status, bytes: body.length }, "answer received");`,
    Java: `log.info("answer received", kv("status", answer.statusCode()), kv("bytes", body.length()));`,
    Go: `log.Info("answer received", "status", answer.StatusCode, "bytes", len(body))`,
    ".NET": `log.Information("answer received: {Status}, {Bytes} bytes", (int)answer.StatusCode, body.Length);`,
  },
  flush: {
    Python: `atexit.register(logging.shutdown)   # and: PYTHONUNBUFFERED=1`,
    Node: `process.on("exit", () => pino.destination.flushSync());   // pino.destination({ sync: true })`,
    Java: `<shutdownHook class="ch.qos.logback.core.hook.DefaultShutdownHook"/>`,
    Go: `defer writer.Flush()   // or write to os.Stdout without a buffer`,
    ".NET": `Log.CloseAndFlush();`,
  },
};

/** What mends a problem in each logger; null where code says nothing. @param {string} problem */
export function recipes(problem) {
  const group = GROUP_OF[problem];
  return group ? RECIPES[group] : null;
}
