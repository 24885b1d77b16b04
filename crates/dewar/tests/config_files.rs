//! Configuration files: sections, which value wins, where each comes from, and what a broken file is told.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dewar::config::{Config, ConfigFile, Environment, Origin, Setting, Stage};
use proptest::prelude::*;
use tempfile::TempDir;

const SECRET: &str = "hunter2-0f3a9c5e7b1d2468ace0";

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// The configuration of a file in an environment without anything.
    fn read(&self, name: &str, text: &str) -> Config {
        Config::new().file(file(&self.write(name, text), []))
    }
}

fn file<const N: usize>(path: &Path, variables: [(&str, &str); N]) -> ConfigFile {
    ConfigFile::at(path).environment(Environment::of(variables))
}

fn text(config: &Config, key: &str) -> Option<String> {
    match config.get(key)? {
        Setting::Text(text) => Some(text.clone()),
        other => panic!("{other:?}"),
    }
}

fn line(config: &Config, key: &str) -> u32 {
    match config.origin(key) {
        Origin::Source {
            line: Some(line), ..
        } => *line,
        other => panic!("{key}: {other}"),
    }
}

fn codes(config: &Config) -> Vec<&'static str> {
    let report = config.check();
    report
        .problems
        .iter()
        .map(|problem| problem.code.as_str())
        .collect()
}

const TOML: &str = "\
# Sessions of the shop
SESSION_TYPE = 'memory'
SESSION_COOKIE_NAME = 'top'

[default]
SESSION_COOKIE_NAME = 'default'
SESSION_KEY_PREFIX = 'shop:'

[production]
SESSION_COOKIE_NAME = 'live'
[development]
SESSION_COOKIE_PATH = '/dev'
";

const JSON: &str = "{
  \"SESSION_TYPE\": \"memory\", \"SESSION_COOKIE_NAME\": \"top\",
  \"default\": {
    \"SESSION_COOKIE_NAME\": \"default\",
    \"SESSION_KEY_PREFIX\": \"shop:\"
  },
  \"production\": {
    \"SESSION_COOKIE_NAME\":
      \"live\"
  },
  \"development\": { \"SESSION_COOKIE_PATH\": \"/dev\" }
}";

#[test]
fn a_section_overrides_default_and_default_overrides_the_top() {
    let folder = Folder::new();
    for (name, content, lines) in [
        ("a.toml", TOML, [2, 6, 7, 10, 12]),
        ("a.json", JSON, [2, 4, 5, 9, 11]),
    ] {
        let path = folder.write(name, content);
        let none = Config::new().file(file(&path, []));
        assert_eq!(text(&none, "SESSION_TYPE").unwrap(), "memory");
        assert_eq!(text(&none, "SESSION_COOKIE_NAME").unwrap(), "default");
        assert_eq!(text(&none, "SESSION_COOKIE_PATH"), None);
        assert_eq!(line(&none, "SESSION_TYPE"), lines[0]);
        assert_eq!(line(&none, "SESSION_COOKIE_NAME"), lines[1]);
        assert_eq!(line(&none, "SESSION_KEY_PREFIX"), lines[2]);

        let live = Config::new().file(file(&path, []).section("production"));
        assert_eq!(text(&live, "SESSION_COOKIE_NAME").unwrap(), "live");
        assert_eq!(text(&live, "SESSION_KEY_PREFIX").unwrap(), "shop:");
        assert_eq!(line(&live, "SESSION_COOKIE_NAME"), lines[3]);
        assert_eq!(
            live.origin("SESSION_COOKIE_NAME").to_string(),
            format!("{}:{}", path.display(), lines[3])
        );

        let by_variable = Config::new().file(file(&path, [("DEWAR_ENV", "development")]));
        assert_eq!(text(&by_variable, "SESSION_COOKIE_PATH").unwrap(), "/dev");
        assert_eq!(line(&by_variable, "SESSION_COOKIE_PATH"), lines[4]);
        let explicit = file(&path, [("DEWAR_ENV", "development")]).section("production");
        let explicit = Config::new().file(explicit);
        assert_eq!(text(&explicit, "SESSION_COOKIE_NAME").unwrap(), "live");
        let told = codes(&explicit);
        assert_eq!(told, ["DW0308", "DW0309"], "{}", explicit.check());
    }
}

#[test]
fn a_variable_overrides_a_file_that_was_read_before_and_code_both() {
    let path = Folder::new();
    let path = path.write("a.toml", TOML);
    let environment = Environment::of([("FLASK_SESSION_COOKIE_NAME", "variable")]);
    let config = Config::new().file(file(&path, [])).environment(environment);
    assert_eq!(text(&config, "SESSION_COOKIE_NAME").unwrap(), "variable");
    let config = config.set("SESSION_COOKIE_NAME", "code");
    assert_eq!(text(&config, "SESSION_COOKIE_NAME").unwrap(), "code");
}

#[test]
fn a_section_may_lie_within_tables() {
    let folder = Folder::new();
    for (name, content) in [
        ("a.toml", "[tool.shop]\nSESSION_TYPE = 'memory'"),
        (
            "a.json",
            r#"{"tool": {"shop": {"SESSION_TYPE": "memory"}}}"#,
        ),
    ] {
        let path = folder.write(name, content);
        let config = Config::new().file(file(&path, []).section("tool.shop"));
        assert_eq!(text(&config, "SESSION_TYPE").unwrap(), "memory");
    }
}

#[test]
fn a_section_that_is_not_there_is_an_error_that_names_those_that_are() {
    let folder = Folder::new();
    let path = folder.write("a.toml", TOML);
    for chosen in [
        file(&path, []).section("prodcution"),
        file(&path, [("DEWAR_ENV", "prodcution")]),
    ] {
        let config = Config::new().file(chosen);
        let report = config.settings().unwrap_err().to_string();
        assert!(report.contains("DW0007"), "{report}");
        assert!(report.contains("production, development"), "{report}");
    }
    // A file without sections is one for all stages.
    let flat = folder.write("flat.toml", "SESSION_TYPE = 'memory'\n[other]\nx = 1");
    let config = Config::new().file(file(&flat, [("DEWAR_ENV", "testing")]));
    assert!(codes(&config).is_empty(), "{}", config.check());
    let config = Config::new().file(file(&flat, []).section("testing"));
    assert_eq!(codes(&config), ["DW0007"]);
}

#[test]
fn sections_of_which_none_is_chosen_are_told() {
    let config = Folder::new().read("a.toml", TOML);
    assert_eq!(codes(&config), ["DW0008"]);
    assert!(config.check().to_string().contains("set DEWAR_ENV"));
}

#[test]
fn the_section_says_whether_it_is_production() {
    let folder = Folder::new();
    let path = folder.write("a.toml", TOML);
    let of = |file| Config::new().file(file).current_stage();
    assert_eq!(of(file(&path, [])), Stage::Development);
    assert_eq!(of(file(&path, []).section("production")), Stage::Production);
    assert_eq!(of(file(&path, [("DEWAR_ENV", "PROD")])), Stage::Production);
    let variable = Config::new().environment(Environment::of([("DEWAR_ENV", "production\r\n")]));
    assert_eq!(variable.current_stage(), Stage::Production);
    assert_eq!(
        of(file(&path, [("DEWAR_ENV", "development")])),
        Stage::Development
    );
    let both = Config::new()
        .file(file(&path, []).section("production"))
        .environment(Environment::of([("DEWAR_ENV", "development")]));
    assert_eq!(both.current_stage(), Stage::Production);
    let other_way = Config::new()
        .environment(Environment::of([("DEWAR_ENV", "development")]))
        .file(file(&path, []).section("production"));
    assert_eq!(other_way.current_stage(), Stage::Production);
    assert_eq!(
        both.stage(Stage::Development).current_stage(),
        Stage::Development
    );
}

#[test]
fn a_dotenv_file_is_read_as_if_it_were_the_environment() {
    let folder = Folder::new();
    let key = folder.write("key", "mounted-0f3a9c5e7b1d2468ace0\n");
    let path = folder.write(
        ".env",
        &format!(
            "# shop\nexport FLASK_SESSION_COOKIE_SECURE=true # JSON\nOTHER=1\n\
             FLASK_SESSION_COOKIE_NAME='a\nb'\nFLASK_SECRET_KEY_FILE={}\nSESSION_TYPE=memory\nFLASK_SESSION_TYPE=null\n",
            key.display()
        ),
    );
    let config = Config::new().file(file(&path, [("FLASK_SESSION_ID_LENGTH", "1")]));
    assert_eq!(config.get("SESSION_COOKIE_SECURE"), Some(&true.into()));
    assert_eq!(line(&config, "SESSION_COOKIE_SECURE"), 2);
    assert_eq!(line(&config, "SESSION_COOKIE_NAME"), 4);
    assert_eq!(text(&config, "SESSION_TYPE").unwrap(), "null");
    assert_eq!(line(&config, "SESSION_TYPE"), 8);
    assert_eq!(
        text(&config, "SECRET_KEY").unwrap(),
        "mounted-0f3a9c5e7b1d2468ace0"
    );
    assert_eq!(config.get("SESSION_ID_LENGTH"), None);
    let shop = Environment::of([("", ""); 0]).with_plain_names();
    let plain = Config::new().file(ConfigFile::at(&path).environment(shop.with_prefix("SHOP")));
    assert_eq!(text(&plain, "SESSION_TYPE").unwrap(), "memory");
    let section = Config::new().file(file(&path, []).section("production"));
    assert!(codes(&section).contains(&"DW0007"));
}

#[test]
fn broken_files_are_told_with_line_and_column_and_without_their_content() {
    let folder = Folder::new();
    let rows = [
        (
            "a.toml",
            format!("A = 1\nSECRET_KEY = {SECRET}\n"),
            "DW0006",
            ":2",
            "column 14",
        ),
        (
            "a.toml",
            format!("SECRET_KEY = '{SECRET}"),
            "DW0006",
            ":1",
            "column",
        ),
        (
            "a.toml",
            format!("SECRET_KEY = 1\n\nSECRET_KEY = '{SECRET}'"),
            "DW0006",
            ":3",
            "column 1",
        ),
        ("a.toml", format!("{SECRET}\n"), "DW0006", ":1", "column"),
        (
            "a.json",
            format!("{{\n \"SECRET_KEY\": {SECRET}}}"),
            "DW0006",
            ":2",
            "column 16",
        ),
        (
            "a.json",
            format!("{{\"SECRET_KEY\": \"{SECRET}\","),
            "DW0006",
            ":1",
            "column",
        ),
        (
            "a.json",
            format!("\"{SECRET}\""),
            "DW0006",
            ":1",
            "no object",
        ),
        (
            "a.json",
            format!("[\"{SECRET}\"]"),
            "DW0006",
            ":1",
            "no object",
        ),
        (
            "a.json",
            format!("{{\"default\": {{\n\"SECRET_KEY\": \"{SECRET}\\x\"}}}}"),
            "DW0006",
            ":2",
            "column",
        ),
        (
            "a.json",
            format!(
                "{{\"A\": {}1{}, \"SECRET_KEY\": \"{SECRET}\"}}",
                "[".repeat(50_000),
                "]".repeat(50_000)
            ),
            "DW0006",
            ":1",
            "recursion",
        ),
        (
            ".env",
            format!("A=1\nSECRET_KEY {SECRET}\n"),
            "DW0006",
            ":2",
            "column 1: there is no '='",
        ),
        (
            ".env",
            format!("={SECRET}"),
            "DW0006",
            ":1",
            "column 1: there is no name before '='",
        ),
        (
            ".env",
            format!("# c\n\nSECRET_KEY='{SECRET}\nB='x'\n"),
            "DW0006",
            ":3",
            "column 12: the quote is not closed",
        ),
        (
            "a.yaml",
            format!("SECRET_KEY: {SECRET}"),
            "DW0005",
            "a.yaml",
            ".toml",
        ),
        (
            "config.py",
            format!("SECRET_KEY = '{SECRET}'"),
            "DW0005",
            "config.py",
            "flask dewar doctor",
        ),
        (
            "a.toml",
            format!("# {}\nSECRET_KEY = '{SECRET}'", "x".repeat(1 << 20)),
            "DW0005",
            "a.toml",
            "1 MiB",
        ),
    ];
    for (name, content, code, place, what) in rows {
        let config = folder.read(name, &content);
        let report = config.settings().unwrap_err().to_string();
        let path = folder.0.path().join(name);
        let from = match place.strip_prefix(':') {
            Some(line) => format!("from: {}:{line}\n", path.display()),
            None => format!("from: {}\n", path.display()),
        };
        assert!(report.contains(&format!("error[{code}]")), "{report}");
        assert!(report.contains(&from), "{from}: {report}");
        assert!(report.contains(what), "{what}: {report}");
        assert!(!report.contains("hunter2"), "{report}");
        assert!(!format!("{config:?}").contains("hunter2"));
    }
    let absent = Config::new().file(file(&folder.0.path().join("b.toml"), []));
    assert!(codes(&absent).contains(&"DW0005"));
    let bytes = folder.write("c.toml", "");
    fs::write(&bytes, b"A = 1\nB = '\xff'").unwrap();
    let report = Config::new().file(file(&bytes, [])).check().to_string();
    assert!(
        report.contains("column 6") && report.contains("c.toml:2"),
        "{report}"
    );
}

#[test]
fn every_line_of_a_dotenv_file_that_is_no_assignment_is_told_and_nothing_of_it_is_taken() {
    let content = "SESSION_TYPE memory\nFLASK_SESSION_TYPE=memory\n=x\nA='b\n";
    let config = Folder::new().read(".env", content);
    assert_eq!(codes(&config), ["DW0006"; 3]);
    assert_eq!(config.get("SESSION_TYPE"), None);
    let many = Folder::new().read(".env", &"x\n".repeat(100_000));
    assert_eq!(codes(&many), ["DW0006"; 10]);
}

#[test]
fn where_a_source_failed_nothing_is_said_to_be_missing() {
    let folder = Folder::new();
    for (name, content) in [("a.toml", "A = b"), ("a.json", "{"), (".env", "SECRET_KEY")] {
        let file = file(&folder.write(name, content), []);
        let more = Environment::of([("FLASK_SESSION_REDIS", "redis://localhost")]);
        let config = Config::new().file(file.clone()).environment(more);
        assert_eq!(codes(&config), ["DW0006"], "{}", config.check());
        let needs_key = Config::new().file(file).session_type("cookie");
        assert_eq!(codes(&needs_key), ["DW0006"], "{}", needs_key.check());
    }
    let secret = |key: &str| {
        let variable = format!("FLASK_{key}_FILE");
        Config::new().environment(Environment::of([(variable, "/no/such/file".to_owned())]))
    };
    assert_eq!(codes(&secret("SECRET_KEY")), ["DW0001"]);
    assert_eq!(codes(&secret("SECRET_KEY_FALLBACKS")), ["DW0001", "DW0201"]);
}

#[test]
fn a_finding_about_a_value_names_its_line() {
    let config = Folder::new().read(
        "a.toml",
        "SESSION_TYPE = 'memory'\n\nSESSION_COOKIE_SECURE = 'maybe'\n",
    );
    let report = config.settings().unwrap_err().to_string();
    assert!(report.contains("a.toml:3"), "{report}");
}

#[test]
fn tables_with_upper_case_names_are_values_and_others_are_not() {
    let config = Folder::new().read(
        "a.toml",
        "SESSION_TYPE = 'memory'\nSESSION_QUUX = { a = 1 }\n[SESSION_COOKIE_NAME]\na = 1\n[session]\nSESSION_ID_LENGTH = 1\n",
    );
    assert_eq!(codes(&config), ["DW0102", "DW0008", "DW0101"]);
}

#[test]
fn credentials_of_systemd_are_secrets_in_files() {
    let folder = Folder::new();
    folder.write("FLASK_SECRET_KEY", "credential-0f3a9c5e7b1d24\n");
    folder.write("FLASK_SESSION_COOKIE_NAME", "no secret");
    let directory = folder.0.path().to_str().unwrap();
    let config = Config::new().environment(Environment::of([("CREDENTIALS_DIRECTORY", directory)]));
    assert_eq!(
        text(&config, "SECRET_KEY").unwrap(),
        "credential-0f3a9c5e7b1d24"
    );
    assert!(
        config
            .origin("SECRET_KEY")
            .to_string()
            .contains("CREDENTIALS_DIRECTORY")
    );
    assert_eq!(config.get("SESSION_COOKIE_NAME"), None);
    let twice = Environment::of([
        ("CREDENTIALS_DIRECTORY", directory),
        ("FLASK_SECRET_KEY", SECRET),
    ]);
    let report = Config::new().environment(twice).check().to_string();
    assert!(
        report.contains("DW0002") && !report.contains("hunter2"),
        "{report}"
    );
    let unreadable = Folder::new();
    fs::create_dir(unreadable.0.path().join("FLASK_SECRET_KEY")).unwrap();
    let directory = unreadable.0.path().to_str().unwrap();
    let config = Config::new().environment(Environment::of([("CREDENTIALS_DIRECTORY", directory)]));
    assert!(codes(&config).contains(&"DW0001"));
}

#[test]
fn a_key_in_a_file_that_everybody_may_read_is_told() {
    let folder = Folder::new();
    let permit = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let content = "SESSION_COOKIE_NAME = 'shop'\nSECRET_KEY = '0f3a9c5e7b1d2468ace013579bdf0246'\n";
    let toml = folder.write("a.toml", content);
    let dotenv = folder.write(".env", "FLASK_SECRET_KEY=0f3a9c5e7b1d2468ace013579bdf0246");
    let secret = folder.write("key", "0f3a9c5e7b1d2468ace013579bdf0246");
    let mounted = || {
        let variable = ("FLASK_SECRET_KEY_FILE", secret.to_str().unwrap());
        Config::new().environment(Environment::of([variable]))
    };
    let read = |path: &Path| Config::new().file(file(path, []));
    permit(folder.0.path(), 0o755);
    for (mode, expected) in [(0o644, &["DW0209"][..]), (0o640, &[]), (0o600, &[])] {
        for path in [&toml, &dotenv, &secret] {
            permit(path, mode);
        }
        for config in [read(&toml), read(&dotenv), mounted()] {
            assert_eq!(codes(&config), expected, "{mode:o}: {config:?}");
        }
    }
    permit(&toml, 0o644);
    let overridden = read(&toml).secret_key("5d7c02b9e4a81f6370c6d2b58e19f4a3");
    assert!(codes(&overridden).is_empty(), "{}", overridden.check());
    // Nobody gets into the folder.
    permit(folder.0.path(), 0o700);
    assert!(codes(&read(&toml)).is_empty());
}

proptest! {
    #[test]
    fn what_is_in_a_file_never_shows(content in "[\\[{\"]{0,3}(SECRET_KEY|[a-z]{0,3})[\" =:]{0,4}(hunter2)?[^\0]{0,20}", ending in prop::sample::select(vec!["toml", "json", "env"])) {
        let folder = Folder::new();
        let config = folder.read(&format!("a.{ending}"), &content.replace("hunter2", "\"hunter2"));
        let said = format!("{config:?} {}", config.check());
        prop_assert!(!said.contains("hunter2"), "{}", said);
    }

    #[test]
    fn toml_and_json_with_the_same_values_mean_the_same(
        name in "[a-z]{1,8}", lifetime in 1..1_000_000_i64, secure: bool, fallbacks in prop::collection::vec("[ -~é]{0,12}", 0..3),
    ) {
        let folder = Folder::new();
        let quoted = serde_json::to_string(&fallbacks).unwrap();
        let json = format!("{{\"SESSION_COOKIE_NAME\": \"{name}\", \"PERMANENT_SESSION_LIFETIME\": {lifetime}, \"SESSION_COOKIE_SECURE\": {secure}, \"SECRET_KEY_FALLBACKS\": {quoted}}}");
        // JSON's strings and lists are TOML's too.
        let toml = format!("SESSION_COOKIE_NAME = \"{name}\"\nPERMANENT_SESSION_LIFETIME = {lifetime}\nSESSION_COOKIE_SECURE = {secure}\nSECRET_KEY_FALLBACKS = {quoted}\n");
        let json = folder.read("a.json", &json);
        let toml = folder.read("a.toml", &toml);
        for key in ["SESSION_COOKIE_NAME", "PERMANENT_SESSION_LIFETIME", "SESSION_COOKIE_SECURE", "SECRET_KEY_FALLBACKS"] {
            prop_assert!(json.get(key).is_some());
            prop_assert_eq!(json.get(key), toml.get(key));
        }
    }
}
