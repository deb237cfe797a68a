//! Messages to subscribers, and the codes with which they sign in.

use crate::demo::calendar::Trouble;
use crate::demo::modules::sms::{self, Message};
use crate::demo::modules::{otp, self_care};
use crate::demo::scene::Scene;
use crate::demo::world::{CSPS, Kind};

/// Texts by CSP, in the language of its subscribers.
fn text(scene: &mut Scene<'_>) -> String {
    let amount = format!("{}.{:02}", scene.dice.range(1, 60), scene.dice.below(100));
    let texts: [String; 3] = match CSPS[scene.csp].id {
        "434" => [
            format!("Шановний абоненте, на вашому рахунку {amount} грн. Поповніть рахунок до завтра."),
            "Вітаємо! Послугу «Роумінг Європа» підключено на 30 днів.".to_owned(),
            "Ваш номер перенесено. Дякуємо, що обрали нас.".to_owned(),
        ],
        "517" => [
            format!("Su saldo es de {amount} €. Recargue antes de mañana para no perder el servicio."),
            "Su línea ya está activa. Bienvenida, señora Núñez.".to_owned(),
            "Hemos recibido su solicitud de portabilidad.".to_owned(),
        ],
        _ => [
            format!("Your balance is {amount}. Top up before tomorrow to stay connected."),
            "Your eSIM is ready: open the camera and scan the code.".to_owned(),
            "You have used 80% of your data allowance.".to_owned(),
        ],
    };
    scene.dice.pick(&texts).clone()
}

fn sender(scene: &Scene<'_>) -> &'static str {
    match CSPS[scene.csp].id {
        "434" => "DniproMob",
        "517" => "Iberia",
        _ => "Harbour",
    }
}

/// A notice to a subscriber: accepted, submitted, and later its receipt; or, while the provider is down, three attempts that time out.
pub(in crate::demo) fn notice(scene: &mut Scene<'_>) {
    let message = Message { to: scene.msisdn(), sender: sender(scene), text: text(scene) };
    deliver(scene, &message);
}

/// Whether the message was taken by the provider.
pub(super) fn deliver(scene: &mut Scene<'_>, message: &Message) -> bool {
    if !scene.has(Kind::Sms) {
        return true;
    }
    sms::accepted(scene, message);
    for attempt in 1..=3 {
        scene.pause_ms(1, 9);
        sms::submitting(scene, message, attempt);
        if !scene.troubled(Trouble::SmsProvider) && scene.dice.chance(99.5) {
            let ms = scene.dice.range(60, 420);
            scene.pause_ms(ms, ms + 3);
            sms::submitted(scene, ms);
            scene.pause_ms(700, 9000);
            sms::receipt(scene, message);
            return true;
        }
        scene.pause_ms(10_000, 10_050);
        sms::timed_out(scene, attempt);
        if attempt == 3 {
            break;
        }
        let after_ms = 500 << attempt;
        scene.pause_ms(0, 2);
        sms::retrying(scene, attempt, after_ms);
        scene.pause_ms(after_ms, after_ms + 20);
    }
    scene.pause_ms(0, 2);
    sms::gave_up(scene, message);
    if scene.dice.chance(15.0) {
        scene.pause_ms(1, 5);
        let failures = scene.dice.range(8, 60);
        sms::breaker(scene, true, failures);
    }
    false
}

/// Signing in: the page asks for a code, Python sends it through the gateway, the subscriber types it.
pub(in crate::demo) fn one_time_password(scene: &mut Scene<'_>) {
    let to = scene.msisdn();
    let code = scene.dice.digits(6);
    // This path is begun by the older of the two web clients, whose trace ids are 16 digits long.
    scene.request.id.truncate(16);
    let account = serde_json::json!({"account_id": format!("{to}@msisdn"), "extra": {"channel": "sms"}});
    self_care::line(scene, "info", "Sign-in code requested", account.clone());
    scene.pause_ms(3, 20);
    otp::sending(scene, &to, &format!("Your code is {code}"), &code);
    scene.pause_ms(2, 12);
    let message = Message { to: to.clone(), sender: sender(scene), text: format!("Your code is {code}") };
    let asked_ns = scene.at_ns;
    if !deliver(scene, &message) {
        otp::gateway_failed(scene);
        scene.pause_ms(2, 9);
        self_care::line(scene, "error", "Sign-in failed: the code could not be sent", account);
        self_care::access(scene, "POST", "/v1/login/code", 504);
        return;
    }
    let ms = u64::try_from((scene.at_ns - asked_ns) / 1_000_000).unwrap_or(0);
    otp::sent(scene, 200, ms);
    scene.pause_ms(1, 6);
    self_care::access(scene, "POST", "/v1/login/code", 200);
    scene.pause_ms(4000, 25_000);
    let good = scene.dice.chance(88.0);
    otp::verified(scene, &to, good);
    scene.pause_ms(2, 8);
    self_care::line(scene, if good { "info" } else { "warn" }, if good { "Signed in" } else { "Wrong sign-in code" }, account);
    self_care::access(scene, "POST", "/v1/login", if good { 200 } else { 401 });
}
