use md5::Md5;
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Where a key that everybody knows stands, if this is one.
pub(super) fn well_known(key: &[u8]) -> Option<&'static str> {
    let exact = EXACT.iter().find(|(known, _)| is_written(known, key));
    if let Some((_, place)) = exact {
        return Some(place);
    }
    if is_hash_of_placeholder(key) {
        return Some("the hash of a placeholder");
    }
    let folded = fold(key);
    // A key of symbols alone folds to nothing.
    if folded.is_empty() {
        return None;
    }
    let placeholder = FOLDED.iter().any(|known| *known == folded) || is_made_of_words(&folded);
    placeholder.then_some("a placeholder of tutorials and examples")
}

/// Whether this is the known key, with what copying adds: blanks and quotes around it, Python's `b` before it, or hexadecimal digits in
/// capitals.
fn is_written(known: &[u8], key: &[u8]) -> bool {
    let quoted = |key: &[u8], quote| {
        let key = key.strip_prefix(b"b").unwrap_or(key);
        key.strip_prefix(&[quote])
            .and_then(|key| key.strip_suffix(&[quote]))
            .is_some_and(|key| key == known)
    };
    let hex = || key.iter().all(u8::is_ascii_hexdigit) && key.eq_ignore_ascii_case(known);
    let trimmed = key.trim_ascii();
    known == key || known == trimmed || quoted(trimmed, b'"') || quoted(trimmed, b'\'') || hex()
}

/// Whether this is the MD5, SHA-1 or SHA-256 of a placeholder, or of nothing, as people make them who have no better way at hand.
fn is_hash_of_placeholder(key: &[u8]) -> bool {
    if !matches!(key.len(), 32 | 40 | 64) || !key.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let is = |digest: &[u8]| {
        let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        key.eq_ignore_ascii_case(text.as_bytes())
    };
    [""].iter()
        .chain(FOLDED)
        .chain(SPELLED)
        .any(|word| match key.len() {
            32 => is(&Md5::digest(word)),
            40 => is(&Sha1::digest(word)),
            _ => is(&Sha256::digest(word)),
        })
}

/// Whether a folded key is nothing but words that people write where a key should be, and maybe a number after them.
fn is_made_of_words(folded: &str) -> bool {
    let text = folded.trim_end_matches(|c: char| c.is_ascii_digit());
    if !TELLING.iter().any(|word| text.contains(word)) {
        return false;
    }
    // Up to where it can be taken apart.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for start in 0..text.len() {
        if ends[start] {
            for word in WORDS.iter().chain(TELLING) {
                if text[start..].starts_with(word) {
                    ends[start + word.len()] = true;
                }
            }
        }
    }
    ends[text.len()]
}

/// Keys that stand in documentation and tutorials, to be tried on a cookie: whoever knows one can make any session.
pub fn well_known_keys() -> impl Iterator<Item = &'static [u8]> {
    let spelled = SPELLED.iter().map(|known| known.as_bytes());
    EXACT.iter().map(|(known, _)| *known).chain(spelled)
}

/// Keys that documentation prints as examples of a good one.
const EXACT: &[(&[u8], &str)] = &[
    (b"_5#y2L\"F4Q8z\n\xec]/", "Flask's documentation"),
    (
        b"_5#y2L\"F4Q8z\\n\\xec]/",
        "Flask's documentation, with its escapes taken literally",
    ),
    (
        "_5#y2L\"F4Q8z\n\u{ec}]/".as_bytes(),
        "Flask's documentation, as text",
    ),
    (
        b"192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "Flask's documentation",
    ),
    (
        b"192b9bdd45ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "Flask's documentation of older versions",
    ),
    (
        b"A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
        "Flask's documentation of older versions",
    ),
    (
        b"\xfd{H\xe5<\x95\xf9\xe3\x96.5\xd1\x01O<!\xd5\xa2\xa0\x9fR\"\xa1\xa8",
        "Flask's documentation of older versions",
    ),
    (
        b"5791628bb0b13ce0c676dfde280ba245",
        "a well-known Flask tutorial",
    ),
    (b"p9Bv<3Eid9%$i01", "a much-read answer on the web"),
];

/// Placeholders, in lower case and without anything but letters and digits.
const FOLDED: &[&str] = &[
    "123",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "abc",
    "abc123",
    "abcd",
    "abcdef",
    "admin",
    "anyrandomstring",
    "anystringyoulike",
    "asdf",
    "asdfasdf",
    "asdfghjkl",
    "bar",
    "changeit",
    "changeme",
    "changemeinproduction",
    "changethis",
    "changethiskey",
    "default",
    "defaultsecret",
    "defaultsecretkey",
    "dev",
    "devel",
    "development",
    "developmentkey",
    "devkey",
    "devsecret",
    "devsecretkey",
    "donttellanyone",
    "example",
    "flask",
    "flasksecret",
    "flasksecretkey",
    "foo",
    "foobar",
    "guessme",
    "hardtoguess",
    "hardtoguessstring",
    "helloworld",
    "insecure",
    "iloveyou",
    "itsasecret",
    "key",
    "keepitsecret",
    "letmein",
    "longrandomstring",
    "mykey",
    "mysecret",
    "mysecretkey",
    "mysupersecret",
    "mysupersecretkey",
    "none",
    "notasecret",
    "notsosecret",
    "null",
    "password",
    "password123",
    "pleasechangeme",
    "pleasechangethis",
    "production",
    "qwerty",
    "qwertyuiop",
    "random",
    "randomkey",
    "randomsecretkey",
    "randomstring",
    "replaceme",
    "s3cr3t",
    "s3cr3tk3y",
    "secret",
    "secret123",
    "secret1234",
    "secretkey",
    "secretkeyhere",
    "secretsecret",
    "shh",
    "shhh",
    "somerandomkey",
    "somerandomstring",
    "somesecret",
    "somesecretkey",
    "somethingsecret",
    "somethingunique",
    "somethinguniqueandsecret",
    "string",
    "supersecret",
    "supersecretkey",
    "supersecretkey123",
    "supersecretunguessablekey",
    "test",
    "testing",
    "testkey",
    "testsecret",
    "testsecretkey",
    "thereisnospoon",
    "thisisasecret",
    "thisisasecretkey",
    "thisismysecret",
    "thisismysecretkey",
    "thisissecret",
    "thisneedstobechanged",
    "thisreallyneedstobechanged",
    "thisshouldbechanged",
    "todo",
    "topsecret",
    "topsecretkey",
    "unsafe",
    "verysecret",
    "verysecretkey",
    "xxx",
    "xxxx",
    "youshouldchangethis",
    "yoursecret",
    "yoursecrethere",
    "yoursecretkey",
    "yoursecretkeyhere",
    "sup3rs3cr3t",
    "youwillneverguess",
    "youllneverguess",
];

/// Words of which a placeholder has one.
const TELLING: &[&str] = &[
    "change",
    "default",
    "example",
    "guess",
    "insecure",
    "password",
    "placeholder",
    "random",
    "replace",
    "secret",
    "string",
];

/// What stands around them.
const WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "any",
    "app",
    "application",
    "at",
    "be",
    "before",
    "cookie",
    "d",
    "deploy",
    "deploying",
    "deployment",
    "dev",
    "development",
    "do",
    "dont",
    "flask",
    "for",
    "from",
    "generate",
    "generated",
    "hard",
    "here",
    "in",
    "is",
    "it",
    "key",
    "later",
    "long",
    "make",
    "me",
    "must",
    "my",
    "never",
    "nobody",
    "not",
    "of",
    "one",
    "only",
    "or",
    "own",
    "please",
    "prod",
    "production",
    "put",
    "real",
    "really",
    "safe",
    "secure",
    "security",
    "session",
    "sessions",
    "set",
    "shh",
    "should",
    "some",
    "something",
    "strong",
    "super",
    "temporary",
    "test",
    "testing",
    "that",
    "the",
    "this",
    "to",
    "token",
    "top",
    "un",
    "use",
    "value",
    "very",
    "will",
    "with",
    "you",
    "your",
];

/// The spellings of placeholders that are met most.
const SPELLED: &[&str] = &[
    "dev",
    "secret",
    "super secret key",
    "super secret",
    "super-secret",
    "super-secret-key",
    "supersecretkey",
    "supersecret",
    "super_secret_key",
    "change-me",
    "changeme",
    "change_me",
    "CHANGE_ME",
    "change this",
    "secret key",
    "secret-key",
    "secretkey",
    "secret_key",
    "SECRET_KEY",
    "my secret key",
    "mysecretkey",
    "my_secret_key",
    "my-secret-key",
    "mysecret",
    "my_secret",
    "my-secret",
    "your_secret_key",
    "your-secret-key",
    "your secret key",
    "yoursecretkey",
    "your-secret-key-here",
    "your_secret_key_here",
    "you-will-never-guess",
    "hard to guess string",
    "hard-to-guess-string",
    "development key",
    "development",
    "dev-secret",
    "dev-key",
    "dev_key",
    "devkey",
    "dev-secret-key",
    "dev_secret_key",
    "flask",
    "flask-secret-key",
    "key",
    "test",
    "testing",
    "testkey",
    "test-secret",
    "test-secret-key",
    "default",
    "password",
    "123456",
    "12345",
    "1234",
    "random string",
    "any random string",
    "some secret key",
    "some_secret_key",
    "somesecretkey",
    "some random string",
    "some-secret",
    "thisisasecret",
    "this is a secret",
    "this-is-a-secret",
    "thisisasecretkey",
    "this is a secret key",
    "top secret",
    "topsecret",
    "very secret",
    "very-secret",
    "verysecret",
    "s3cr3t",
    "Sup3rS3cr3t",
    "not-a-secret",
    "replace-me",
    "unsafe",
    "this-really-needs-to-be-changed",
    "Super Secret Unguessable Key",
];

fn fold(key: &[u8]) -> String {
    let letters = key.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn keys_that_tutorials_print_are_known_in_any_spelling() {
        for key in [
            "dev",
            "Secret",
            "super secret key",
            "SUPER_SECRET_KEY",
            "change-me",
            "CHANGE_ME!",
            "your-secret-key-here-change-in-production",
            "this is a very long secret key that nobody will guess",
            "replace-this-with-a-real-secret-2024",
            // MD5 of nothing and of "password", SHA-1 and SHA-256 of "secret".
            "d41d8cd98f00b204e9800998ecf8427e",
            "5F4DCC3B5AA765D61D8327DEB882CF99",
            "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4",
            "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
            // Flask's, as they are copied.
            "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf ",
            "192B9BDD22AB9ED4D12E236C78AFCB9A393EC15F71BBF5DC987D54727823BCBF",
            "b'_5#y2L\"F4Q8z\\n\\xec]/'",
        ] {
            assert!(well_known(key.as_bytes()).is_some(), "{key}");
        }
        assert!(
            well_known(b"_5#y2L\"F4Q8z\n\xec]/")
                .unwrap()
                .contains("Flask")
        );
    }

    #[test]
    fn other_keys_are_not_known() {
        for key in [
            "",
            "!!!",
            "devolve",
            "3f0c8e6ab1d24795c8f1",
            "secretary",
            "d41d8cd98f00b204e9800998ecf8427f",
            "randomness of my own making",
        ] {
            assert_eq!(well_known(key.as_bytes()), None, "{key}");
        }
    }

    #[test]
    fn every_spelling_that_is_tried_on_cookies_is_known() {
        for key in well_known_keys() {
            assert!(
                well_known(key).is_some(),
                "{}",
                String::from_utf8_lossy(key)
            );
        }
    }

    #[test]
    fn placeholders_are_written_folded() {
        for known in FOLDED {
            assert_eq!(fold(known.as_bytes()), *known);
        }
    }
}
