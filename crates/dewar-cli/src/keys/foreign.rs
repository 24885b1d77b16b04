//! Files in formats that are not read here, which would be taken for the key itself.

use std::path::Path;

use super::file::KEY;
use crate::exit::Failure;
use crate::text::shell_word;

/// Why a file is refused whose name says that it is neither a key, a `.env` file nor TOML.
pub(super) fn by_name(path: &Path) -> Option<Failure> {
    let ending = path.extension()?.to_string_lossy().to_ascii_lowercase();
    match &*ending {
        "json" => Some(refusal(path, "is JSON").hint(format!(
            "dewar config, doctor, sessions and store read it: --config {}",
            shell_word(path.display())
        ))),
        "yaml" | "yml" => Some(refusal(path, "is YAML")),
        "py" => Some(
            refusal(path, "is Python")
                .hint("flask dewar doctor examines what an application sets itself"),
        ),
        "ini" | "cfg" => Some(refusal(path, "is an INI file")),
        "service" => Some(refusal(path, "is a unit of systemd")),
        _ => None,
    }
}

/// Why a file is refused whose content is not the key itself; a key may be any bytes, so this finds only what no chance makes.
pub(super) fn by_content(path: &Path, content: &str) -> Option<Failure> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    if is_json_object(content) {
        Some(refusal(path, "is JSON"))
    } else if sets_key(content) {
        Some(refusal(
            path,
            "sets SECRET_KEY in another way than a .env or TOML file does",
        ))
    } else {
        None
    }
}

fn refusal(path: &Path, what: &str) -> Failure {
    Failure::unusable(format!(
        "{} {what}: this command neither reads nor changes keys in it",
        path.display()
    ))
    .hint("give a .env or TOML file with SECRET_KEY, or a file that holds nothing but the key")
    .hint("to rotate by hand, put the value of SECRET_KEY first into the list SECRET_KEY_FALLBACKS, and what dewar key new prints into SECRET_KEY")
}

fn is_json_object(content: &str) -> bool {
    serde_json::from_str::<serde_json::Map<_, _>>(content).is_ok()
}

/// Whether a key is set in some language: `SECRET_KEY: …`, `"SECRET_KEY": …`, `config["SECRET_KEY"] = …`.
fn sets_key(content: &str) -> bool {
    content.match_indices(KEY).any(|(at, name)| {
        let rest = content[at + name.len()..].trim_start_matches([' ', '\t', '"', '\'', ']']);
        rest.starts_with([':', '='])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_refused_only_where_it_is_certainly_no_key() {
        let refused = |content: &str| by_content(Path::new("key"), content).is_some();
        for foreign in [
            "{\"SECRET_KEY\": \"a\"}\n",
            "\u{feff}{\"key\": \"a\"}",
            "{}",
            "- FLASK_SECRET_KEY: a",
            "Environment=FLASK_SECRET_KEY=a",
            "app.config['SECRET_KEY'] = 'a'",
        ] {
            assert!(refused(foreign), "{foreign}");
        }
        for key in [
            "{",
            "{9f3c1e77a05bd2846cf01b9de35a7482}",
            "\"9f3c1e77a05bd284\"",
            "[1]",
            "my SECRET_KEY is long",
            "",
        ] {
            assert!(!refused(key), "{key}");
        }
    }

    #[test]
    fn names_of_other_formats_are_refused() {
        for name in [
            "a.json",
            "a.JSON",
            "a.yaml",
            "a.yml",
            "a.py",
            "a.ini",
            "a.cfg",
            "a.service",
        ] {
            assert!(by_name(Path::new(name)).is_some(), "{name}");
        }
        for name in ["key", "secret.key", "a.txt", "json"] {
            assert!(by_name(Path::new(name)).is_none(), "{name}");
        }
    }
}
