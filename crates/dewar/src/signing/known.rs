/// Where a key that everybody knows stands, if this is one.
pub(super) fn well_known(key: &[u8]) -> Option<&'static str> {
    let exact = EXACT.iter().find(|(known, _)| *known == key);
    if let Some((_, place)) = exact {
        return Some(place);
    }
    let folded = fold(key);
    // A key of symbols alone folds to nothing.
    if folded.is_empty() {
        return None;
    }
    FOLDED
        .iter()
        .any(|known| *known == folded)
        .then_some("a placeholder of tutorials and examples")
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
        for key in ["", "!!!", "devolve", "3f0c8e6ab1d24795c8f1"] {
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
