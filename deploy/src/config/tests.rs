//! What the config file and the flags say together.

use super::*;

fn merged(text: &str, args: ServeArgs) -> (ServeArgs, Vec<String>) {
    let mut problems = Vec::new();
    let source = Source::of(text);
    let (args, _, _) = serve_file(&source, args, &mut problems);
    (args, problems)
}

fn with_file(text: &str) -> (tempfile::TempDir, ServeArgs) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("martlog.toml");
    std::fs::write(&path, text).unwrap();
    (folder, ServeArgs { config: Some(path), ..ServeArgs::default() })
}

fn usage(failure: Failure) -> String {
    match failure {
        Failure::Usage(text) => text,
        other => panic!("not a usage failure: {other:?}"),
    }
}

#[test]
fn an_unknown_key_names_the_nearest_one_and_its_line() {
    let (_, problems) = merged("[serve]\nlisten = \"127.0.0.1:1\"\nlive-mx = \"1GiB\"\n", ServeArgs::default());
    assert_eq!(problems, ["martlog.toml:3: unknown key \"live-mx\" in [serve]; did you mean \"live-max\"?"]);
    let (_, problems) = merged("[server]\n", ServeArgs::default());
    assert_eq!(problems, ["martlog.toml:1: unknown key \"server\"; did you mean \"serve\"?"]);
}

#[test]
fn all_problems_are_reported_at_once() {
    let (_folder, args) = with_file(
        "[serve]\nlisten = \"nowhere\"\nprobes = 9434\nlive-max = \"lots\"\nwal-segment = \"1KiB\"\nsearch-threads = 0\ninsecure = \"yes\"\ndirr = \"/x\"\n",
    );
    let text = usage(serve(args).unwrap_err());
    for part in [
        "8 problems",
        "\"nowhere\" is no address",
        ":3: probes",
        ":4: live-max",
        "wal-segment of 1KiB",
        "search-threads of 0",
        ":7: insecure",
        "\"dirr\"",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    assert!(text.contains("a data folder is missing"), "{text}");
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    let (_, problems) = merged("[serve]\nlisten = \"127.0.0.1:1\nprobes = \"off\"\n", ServeArgs::default());
    assert!(problems.iter().any(|problem| problem.starts_with("martlog.toml:2: ")), "{problems:?}");
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_defaults() {
    let (_folder, mut args) = with_file(
        "[serve]\ndir = \"data\"\nlisten = \"127.0.0.1:1\"\nprobes = \"off\"\nlive-max = \"64MiB\"\nlive-age = \"15s\"\nretention = \"30d\"\nretention-size = \"200GiB\"\n[collect]\nnode = \"n1\"\n",
    );
    args.listen = Some("127.0.0.1:0".to_owned());
    let options = serve(args).unwrap();
    assert_eq!(options.listen.to_string(), "127.0.0.1:0");
    assert_eq!(options.probes, None);
    assert_eq!(options.store.live_bytes_max, 64 << 20);
    assert_eq!(options.store.live_age_max.as_secs(), 15);
    assert_eq!(options.store.retention_age_max.map(|age| age.as_secs()), Some(30 * 86_400));
    assert_eq!(options.store.retention_bytes_max, Some(200 << 30));
    assert_eq!(options.store.search_threads, martlog_indexer::Options::default().search_threads);
}

#[test]
fn a_relative_path_starts_at_the_config_file() {
    let (folder, args) = with_file("[serve]\ndir = \"data\"\n");
    assert_eq!(serve(args).unwrap().dir, folder.path().join("data"));
}

#[test]
fn an_address_for_other_machines_needs_a_word() {
    let args = |insecure| ServeArgs { dir: Some("d".into()), listen: Some("0.0.0.0:8434".to_owned()), insecure, ..ServeArgs::default() };
    assert!(usage(serve(args(false)).unwrap_err()).contains("--insecure"));
    assert!(serve(args(true)).is_ok());
}

#[test]
fn everything_that_collect_lacks_is_named() {
    let text = usage(collect(CollectArgs::default()).unwrap_err());
    for flag in ["--root", "--server", "--token-file", "--state", "--cluster", "--node"] {
        assert!(text.contains(flag), "{flag} is not in: {text}");
    }
}

#[test]
fn labels_come_from_one_place() {
    let args = |kubernetes, pod_labels: Option<&str>| CollectArgs {
        kubernetes,
        kubeconfig: (!kubernetes).then(|| "kubeconfig".into()),
        pod_labels: pod_labels.map(Into::into),
        ..CollectArgs::default()
    };
    assert!(usage(collect(args(true, Some("labels.json"))).unwrap_err()).contains("either from the Kubernetes API or from a file"));
    assert!(!usage(collect(args(false, None)).unwrap_err()).contains("either from"));
    assert_eq!(kubernetes(true, None), Some(Kubernetes::InCluster));
    assert_eq!(kubernetes(false, Some("k".into())), Some(Kubernetes::Kubeconfig("k".into())));
    assert_eq!(kubernetes(false, None), None);
}

#[test]
fn to_explain_a_file_only_the_folder_of_pods_is_needed() {
    let args = |root: Option<&str>| CollectArgs { root: root.map(Into::into), explain: Some("x".into()), ..CollectArgs::default() };
    let explainer = explain(args(Some("/var/log/pods"))).unwrap();
    assert_eq!((explainer.root.to_str(), explainer.site), (Some("/var/log/pods"), None));
    assert!(matches!(explain(args(None)), Err(Failure::Usage(text)) if text.contains("--root")));
}

#[test]
fn doors_are_what_their_tables_say() {
    let (folder, args) = with_file(
        "[serve]\ndir = \"data\"\nprobes = \"off\"\n[serve.otlp]\non = false\n[serve.loki-read]\non = false\n[serve.loki]\nbody-max = \"1MiB\"\nrate = \"2MiB\"\n\
         [[serve.syslog]]\nlisten = \"127.0.0.1:0\"\ntransport = \"udp\"\ntoken-file = \"token\"\n\
         [[serve.syslog]]\nlisten = \"127.0.0.1:0\"\ntransport = \"tcp\"\ntoken-file = \"token\"\ninstance = \"sms-434\"\nrate = \"1KiB\"\n",
    );
    std::fs::write(folder.path().join("token"), "mart_ingest_x").unwrap();
    let options = serve(args).unwrap();
    assert!(!options.doors.otlp.on && options.doors.ingest.on);
    assert!(!options.doors.loki_read.on && options.doors.loki.on);
    assert_eq!((options.doors.loki.body_bytes_max, options.doors.loki.rate_bytes), (1 << 20, Some(2 << 20)));
    let listeners: Vec<_> =
        options.syslog.iter().map(|listen| (listen.transport.to_string(), listen.instance.as_deref(), listen.rate_bytes)).collect();
    assert_eq!(listeners, [("udp".to_owned(), None, None), ("tcp".to_owned(), Some("sms-434"), Some(1024))]);
    assert_eq!(&*options.syslog[0].token.get(), "mart_ingest_x");
}

#[test]
fn every_problem_of_a_door_is_told_with_its_table() {
    let (_folder, args) = with_file(
        "[serve]\ndir = \"data\"\n[serve.otlp]\nbody-max = \"1GiB\"\nratee = \"1MiB\"\n[serve.loki]\nrate = \"0B\"\n[serve.loki-read]\nrate = \"1MiB\"\n[serve.elastic]\n\
         [[serve.syslog]]\ntransport = \"pigeon\"\n[[serve.syslog]]\nlisten = \"0.0.0.0:514\"\ntransport = \"tcp\"\ntoken-file = \"absent\"\n\
         [[serve.syslog]]\nlisten = \"0.0.0.0:6514\"\ntransport = \"tls\"\ntoken-file = \"absent\"\n",
    );
    let text = usage(serve(args).unwrap_err());
    for part in [
        "[serve.otlp]: body-max of 1GiB",
        "unknown key \"ratee\" in [serve.otlp]; did you mean \"rate\"?",
        "[serve.loki]: a rate of 0",
        "unknown key \"rate\" in [serve.loki-read]",
        "unknown key \"elastic\" in [serve]; did you mean \"elasticsearch\"?",
        "\"pigeon\" is no transport",
        "[serve.syslog]: the address is missing",
        "[serve.syslog]: 0.0.0.0:514 is reached by other machines",
        "[serve.syslog]: TLS needs a certificate",
    ] {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    let (_, problems) = merged("[serve]\nsyslog = \"127.0.0.1:514\"\notlp = 1\n", ServeArgs::default());
    assert!(problems.iter().any(|problem| problem.contains("[serve.otlp] as a table")), "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("[[serve.syslog]] for each")), "{problems:?}");
}

/// A provider that is said completely, with these lines in the place of those of the same keys.
fn with_provider(lines: &[&str]) -> (tempfile::TempDir, ServeArgs) {
    let whole = [
        "openid-issuer = \"http://127.0.0.1:1/realm\"",
        "openid-page = \"https://logs.example/martlog\"",
        "openid-client-id = \"martlog\"",
        "openid-client-secret-file = \"secret\"",
        "openid-claim = \"groups\"",
        "openid-staff = [\"support\"]",
    ];
    let key = |line: &&str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    let replaced = |line: &&&str| !lines.iter().any(|other| key(other) == key(line));
    let text: Vec<&str> = whole.iter().filter(replaced).chain(lines).copied().collect();
    let (folder, args) = with_file(&format!("[serve]\ndir = \"data\"\nprobes = \"off\"\n{}\n", text.join("\n")));
    std::fs::write(folder.path().join("secret"), " s+e/c=r~et \n").unwrap();
    (folder, args)
}

#[test]
fn a_provider_is_what_its_keys_say() {
    let (_folder, args) = with_provider(&[]);
    let options = serve(args).unwrap();
    let openid = options.openid.unwrap();
    let settings = openid.settings();
    assert_eq!(settings.page.as_str(), "https://logs.example/martlog/", "other addresses stand beside the page");
    assert_eq!((settings.name.as_str(), settings.issuer.as_str()), ("127.0.0.1", "http://127.0.0.1:1/realm"));
    assert_eq!((&settings.scopes[..], &settings.staff[..]), (&["profile".to_owned()][..], &["support".to_owned()][..]));
    assert_eq!(&*settings.client_secret.as_ref().unwrap()(), "s+e/c=r~et");
    assert!(!format!("{openid:?}").contains("r~et"), "the secret is in no log");
    let (_folder, args) = with_file("[serve]\ndir = \"data\"\nprobes = \"off\"\n");
    assert!(serve(args).unwrap().openid.is_none());
}

#[test]
fn what_is_wrong_with_a_provider_is_told_with_its_key() {
    for (line, told) in [
        ("openid-issuer = \"sso.example\"", "openid-issuer: \"sso.example\" is no URL"),
        ("openid-issuer = \"http://sso.example\"", "would send sign-ins in clear to another machine"),
        ("openid-issuer = \"https://sso.example/?a\"", "holds more than an address"),
        ("openid-page = \"http://logs.example\"", "openid-page: \"http://logs.example\" would send sign-ins in clear"),
        ("openid-page = \"ftp://logs.example\"", "is no address for browsers"),
        ("openid-page = \"https://a:b@logs.example\"", "holds more than an address"),
        ("openid-client-id = \" \"", "openid-client-id is empty"),
        ("openid-claim = \"\"", "openid-claim is empty"),
        ("openid-client-secret-file = \"absent\"", "cannot read the file"),
        ("openid-client-secret-file = \"martlog.toml\"", "does not hold one client secret and nothing else"),
        ("openid-staff = \"support\"", "openid-staff: write a list of texts"),
        ("openid-staff = [1]", "openid-staff: write a list of texts, as in [\"a\", \"b\"], not a number"),
        ("openid-staff = [\"\"]", "openid-staff: an empty value"),
        ("openid-scopes = [\"profile groups\"]", "\"profile groups\" is no scope"),
        ("openid-name = \"\"", "openid-name: write what people call the provider"),
        ("openid-ca-cert = \"secret\"", "speaks in clear, and yet"),
        ("openid-isuer = \"https://sso.example\"", "did you mean \"openid-issuer\"?"),
    ] {
        let (_folder, args) = with_provider(&[line]);
        let text = usage(serve(args).unwrap_err());
        assert!(text.contains(told), "{line}: {text}");
        assert!(!text.contains("problems:"), "one problem is told once: {text}");
    }
    let (_folder, args) = with_file("[serve]\ndir = \"data\"\nopenid-name = \"SSO\"\n");
    let text = usage(serve(args).unwrap_err());
    for key in ["openid-issuer", "openid-page", "openid-client-id", "openid-claim"] {
        assert!(text.contains(&format!("sign-in through a provider needs {key}")), "{key}: {text}");
    }
}
