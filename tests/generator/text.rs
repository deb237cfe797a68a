//! Texts: messages from templates and free sentences in several languages, loggers, and attributes.
//!
//! In a template `#` is a number, `%` a duration like `731ms`, `&` a UUID, `@` an address, `^` 16 hexadecimal digits, `+` a phone number, `~` a word.

use super::dice::Dice;
use std::fmt::Write as _;

const ENGLISH: [&str; 40] = [
    "request to @ finished with status # in %",
    "connection to @:# refused, attempt #",
    "subscriber + was provisioned on cell # by job &",
    "cache miss for key ^",
    "queue ~ holds # messages, oldest is % old",
    "timeout of % while waiting for the upstream ~ at @",
    "payment & authorised for account #",
    "session ^ opened from @",
    "retry # of # after % because the ~ was busy",
    "report ~ written, # rows, # bytes",
    "worker # picked up job &",
    "invoice # rendered in %",
    "the ~ service answered # to GET /v1/~/#",
    "schema version # is current",
    "certificate of ~ expires in # days",
    "rate limit of # per second reached for @",
    "CDR batch # rated: # calls, # rejected",
    "SIM ^ activated for +",
    "number + ported from ~ to ~",
    "balance of account # is now #",
    "health check of ~ took %",
    "garbage collection paused for %, heap # MiB",
    "file ~_#.csv received from @, # lines",
    "user ~ signed in from @",
    "message & delivered to + after %",
    "webhook ~ posted to @ with status #",
    "lock ~ acquired after %",
    "slow query took %: select from ~ where id = #",
    "feature ~ is switched on for customer #",
    "parsing of field ~ failed at byte #",
    "consumer ~ is # messages behind",
    "checkpoint # written at offset #",
    "upload of & finished, # parts",
    "tariff ~ applied to + by rule #",
    "fraud score # for call ^",
    "address ~ # could not be verified",
    "document & signed by ~",
    "the circuit breaker for ~ opened after # failures",
    "reconnecting to broker @ in %",
    "configuration reloaded, # keys changed",
];
const UKRAINIAN: [&str; 8] = [
    "абонент + підключив послугу ~",
    "з'єднання з @ розірвано після %",
    "рахунок # поповнено на # грн",
    "помилка обробки запиту &: немає відповіді від ~",
    "номер + перенесено до мережі ~",
    "черга ~ містить # повідомлень",
    "звіт ~ сформовано за %",
    "перевищено ліміт # для клієнта #",
];
const RUSSIAN: [&str; 5] = [
    "сессия ^ завершена, длительность %",
    "не удалось отправить сообщение на +",
    "обновление профиля & выполнено",
    "соединение с ~ установлено",
    "повтор # через %",
];
const SPANISH: [&str; 7] = [
    "la línea + está activa en la red ~",
    "sesión ^ iniciada desde @",
    "no se pudo cobrar la factura # de #",
    "tiempo de espera agotado tras % con el servidor ~",
    "se recibieron # registros del fichero ~",
    "señal débil en la celda #",
    "el año fiscal # fue cerrado por ~",
];
const ASIAN: [&str; 5] = [
    "用户 + 登录成功 来自 @",
    "订单 & 处理失败 代码 #",
    "接続 @ が % 後に切断されました",
    "账户 # 余额不足",
    "リクエスト ^ は # を返しました",
];

/// What half of a module's templates go on with.
const TAILS: [&str; 10] = [
    "; the work goes on in the background and is reported when it is done",
    " while the nightly run for segment # was still going on (started by ~)",
    ", next step is ~, planned in # seconds, owner is team ~",
    " [tenant #, partition #, replica ~, leader @]",
    "; see the runbook of ~ for what this means to customers",
    ", this is attempt # of the scheduler ~ since the last deployment",
    " after the cache of ~ was filled with # entries from the primary store",
    " (trace ^, sampled at # per mille)",
    ", the previous state was ~ and the new state is ~ by rule #",
    "; nothing was changed, the customer is told with the next bill",
];
const WORDS: [&str; 96] = [
    "alpha", "anchor", "basket", "billing", "bridge", "broker", "cargo", "catalog", "cedar", "channel", "charge", "cipher", "cloud",
    "cluster", "copper", "courier", "credit", "dealer", "delta", "device", "dialer", "discount", "domain", "draft", "ember", "engine",
    "escrow", "falcon", "ferry", "filter", "flint", "folder", "gamma", "garden", "gateway", "granite", "harbor", "hazel", "header",
    "helper", "index", "inlet", "island", "jasper", "journal", "kernel", "kiosk", "ladder", "lagoon", "ledger", "legacy", "limit", "maple",
    "marker", "matrix", "meadow", "merchant", "meter", "mirror", "module", "nickel", "notice", "oasis", "offer", "orbit", "outlet",
    "packet", "panel", "parcel", "pepper", "planner", "policy", "portal", "prism", "profile", "quartz", "quota", "radar", "raven",
    "region", "relay", "ripple", "river", "roster", "saffron", "sensor", "signal", "silver", "socket", "station", "summit", "tariff",
    "teller", "tunnel", "velvet", "voucher",
];
const ENDS: [&str; 12] = ["", "", "", "", "s", "er", "ing", "less", "ward", "wise", "_id", "_v2"];
const LOGGERS: [&str; 12] = [
    "http",
    "core.dispatch",
    "db.pool",
    "jobs.worker",
    "api.v1",
    "events",
    "rating",
    "queue.consumer",
    "auth",
    "cache",
    "sync.delta",
    "audit",
];

/// A kind of attribute: its key and how its value is made.
#[derive(Debug, Clone, Copy)]
enum Value {
    Number(u64, u64),
    Milliseconds,
    Status,
    Amount,
    Word,
    OneOf(&'static [&'static str]),
    Hex(usize),
    Phone,
    Truth,
}

const ATTRIBUTES: [(&str, Value); 24] = [
    ("duration_ms", Value::Milliseconds),
    ("status", Value::Status),
    ("account", Value::Number(100_000, 160_000)),
    ("bytes", Value::Number(40, 900_000)),
    ("attempt", Value::Number(1, 5)),
    ("region", Value::OneOf(&["eu-north", "eu-south", "us-east", "ap-east"])),
    ("method", Value::OneOf(&["GET", "POST", "PUT", "DELETE"])),
    ("tariff", Value::Word),
    ("amount", Value::Amount),
    ("msisdn", Value::Phone),
    ("customer", Value::Number(1, 9_000)),
    ("shard", Value::Number(0, 31)),
    ("cached", Value::Truth),
    ("etag", Value::Hex(10)),
    ("queue", Value::Word),
    ("worker", Value::Number(0, 15)),
    ("protocol", Value::OneOf(&["h2", "http/1.1", "grpc", "diameter"])),
    ("cell", Value::Number(10_000, 14_000)),
    ("score", Value::Amount),
    ("rows", Value::Number(0, 20_000)),
    ("dry_run", Value::Truth),
    ("component", Value::Word),
    ("build", Value::Hex(7)),
    ("currency", Value::OneOf(&["EUR", "UAH", "USD", "GBP"])),
];

/// See the module: each module prints from templates and keys of its own.
pub(super) struct Texts {
    templates: Vec<Vec<String>>,
    keys: Vec<Vec<(&'static str, Value)>>,
}

impl Texts {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        let mut texts = Self { templates: Vec::new(), keys: Vec::new() };
        for module in 0..60 {
            // One module in three has lines in a second language.
            let second: &[&'static str] = match module % 15 {
                2 | 7 => &UKRAINIAN,
                4 => &RUSSIAN,
                9 => &SPANISH,
                12 => &ASIAN,
                _ => &[],
            };
            let first: Vec<&'static str> = (0..14).map(|_| *dice.pick(&ENGLISH)).collect();
            let templates = first.iter().chain(second).chain(second).enumerate();
            texts.templates.push(
                templates.map(|(at, text)| if at % 7 < 5 { format!("{text}{}", dice.pick(&TAILS)) } else { (*text).to_owned() }).collect(),
            );
            let first = dice.index(ATTRIBUTES.len());
            texts.keys.push((0..8).map(|number| ATTRIBUTES[(first + number * 5) % ATTRIBUTES.len()]).collect());
        }
        // Every module can be slow: the number that most people search for.
        for keys in &mut texts.keys {
            if !keys.iter().any(|(key, _)| *key == "duration_ms") {
                keys[0] = ATTRIBUTES[0];
            }
        }
        texts
    }

    /// Writes a message of the module.
    pub(super) fn message(&self, dice: &mut Dice, module: usize, level: &str, into: &mut String) {
        if dice.chance(11.0) {
            for number in 0..dice.range(5, 14) {
                if number > 0 {
                    into.push(' ');
                }
                word(dice, into);
            }
        } else {
            let template = dice.pick(&self.templates[module]);
            for letter in template.chars() {
                fill(dice, letter, into);
            }
        }
        if level == "error" && dice.chance(40.0) {
            into.push_str(", giving up: ");
            into.push_str(dice.text(&["connection reset by peer", "timeout", "no route to host", "out of range", "permission denied"]));
        }
    }

    /// A logger of the module.
    pub(super) fn logger(&self, dice: &mut Dice, module: usize) -> &'static str {
        LOGGERS[(module + dice.index(4)) % LOGGERS.len()]
    }

    /// Appends 0 to 8 members to an open JSON object; gives `duration_ms` where it is among them.
    pub(super) fn attributes(&self, dice: &mut Dice, module: usize, into: &mut String) -> Option<u64> {
        let keys = &self.keys[module];
        let count = dice.weighted(&[8, 8, 12, 16, 18, 16, 12, 6, 4]);
        let mut duration_ms = None;
        for (key, value) in keys.iter().take(count) {
            let _ = write!(into, ",\"{key}\":");
            if let (Value::Milliseconds, Some(ms)) = (value, write_value(dice, *value, into)) {
                duration_ms = Some(ms);
            }
        }
        duration_ms
    }
}

fn fill(dice: &mut Dice, letter: char, into: &mut String) {
    let _ = match letter {
        '#' => {
            let most = *dice.pick(&[9, 99, 999, 99_999, 9_999_999]);
            write!(into, "{}", dice.range(0, most))
        }
        '%' => write!(into, "{}ms", dice.range(1, 4000)),
        '&' => write!(into, "{}", dice.uuid()),
        '@' => write!(into, "10.{}.{}.{}", dice.range(0, 63), dice.range(0, 255), dice.range(1, 254)),
        '^' => write!(into, "{}", dice.hex(16)),
        '+' => write!(into, "38050{}", dice.digits(7)),
        '~' => {
            word(dice, into);
            Ok(())
        }
        other => {
            into.push(other);
            Ok(())
        }
    };
}

fn word(dice: &mut Dice, into: &mut String) {
    into.push_str(dice.text(&WORDS));
    into.push_str(dice.text(&ENDS));
}

/// Writes the JSON value; a duration comes back.
fn write_value(dice: &mut Dice, value: Value, into: &mut String) -> Option<u64> {
    let _ = match value {
        Value::Number(low, high) => write!(into, "{}", dice.range(low, high)),
        Value::Milliseconds => {
            // Most are fast, few are very slow.
            let ceiling = *dice.pick(&[20, 100, 400, 1500, 9000]);
            let ms = dice.range(0, ceiling);
            let _ = write!(into, "{ms}");
            return Some(ms);
        }
        Value::Status => write!(into, "{}", dice.pick(&[200, 200, 200, 201, 204, 400, 404, 409, 500, 503])),
        Value::Amount => write!(into, "{}.{:02}", dice.range(0, 400), dice.below(100)),
        Value::Word => {
            into.push('"');
            word(dice, into);
            into.push('"');
            Ok(())
        }
        Value::OneOf(values) => write!(into, "\"{}\"", dice.pick(values)),
        Value::Hex(digits) => write!(into, "\"{}\"", dice.hex(digits)),
        Value::Phone => write!(into, "\"38066{}\"", dice.digits(7)),
        Value::Truth => write!(into, "{}", dice.chance(30.0)),
    };
    None
}
