/// About how many bits of chance are in a key, at most: what its alphabet allows, less what repeats or reads as words.
pub(super) fn estimated_bits(key: &[u8]) -> u32 {
    let bits_each = bits_of_alphabet(key);
    let words = reads_as_words(key);
    let mut bits = 0.0;
    for (at, byte) in key.iter().enumerate() {
        bits += if follows(key, at) {
            0.5
        } else if words {
            if byte.is_ascii_digit() {
                BITS_OF_A_DIGIT
            } else {
                BITS_OF_A_LETTER_IN_A_WORD
            }
        } else {
            bits_each
        };
    }
    // No more than the different characters could be arranged in.
    let different = distinct(key).max(1);
    bits.min(key.len() as f64 * (different as f64).log2()) as u32
}

/// A letter of a common word: a word of five letters out of some thousands.
const BITS_OF_A_LETTER_IN_A_WORD: f64 = 2.3;
const BITS_OF_A_DIGIT: f64 = 3.3;

/// The bits of a character that was drawn from the smallest usual alphabet that has them all.
fn bits_of_alphabet(key: &[u8]) -> f64 {
    let all = |test: fn(&u8) -> bool| key.iter().all(test);
    let size = if all(u8::is_ascii_digit) {
        10.0
    } else if all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        || all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F' | b'-'))
    {
        16.0
    } else if all(u8::is_ascii_lowercase) || all(u8::is_ascii_uppercase) {
        26.0
    } else if all(|byte| byte.is_ascii_alphanumeric() || b"-_+/=.".contains(byte)) {
        64.0
    } else if all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        95.0
    } else {
        256.0
    };
    f64::log2(size)
}

/// Whether a character adds next to nothing: it repeats or counts on from the one before, or repeats a stretch.
fn follows(key: &[u8], at: usize) -> bool {
    let Some(previous) = at.checked_sub(1).map(|before| key[before]) else {
        return false;
    };
    let step = i16::from(key[at]) - i16::from(previous);
    let steps_before = at
        .checked_sub(2)
        .map(|before| i16::from(previous) - i16::from(key[before]));
    let counts_on = matches!(step, -1..=1) && steps_before == Some(step);
    let repeats = at >= 3 && {
        let stretch = &key[at - 3..=at];
        key[..at]
            .windows(stretch.len())
            .any(|window| window == stretch)
    };
    counts_on || repeats
}

/// Letters of one case, or capitalized words, with vowels and pairs as often as words have them; digits and signs between.
fn reads_as_words(key: &[u8]) -> bool {
    let mut letters = 0;
    let mut vowels = 0;
    let mut changes = 0;
    let mut pairs = 0;
    let mut usual_pairs = 0;
    for (at, byte) in key.iter().enumerate() {
        if !byte.is_ascii_alphabetic() {
            continue;
        }
        letters += 1;
        vowels += usize::from(b"aeiouyAEIOUY".contains(byte));
        let before = at.checked_sub(1).map_or(b' ', |before| key[before]);
        // A capital inside a word, or a digit: random text has them everywhere.
        changes += usize::from(
            before.is_ascii_lowercase() && byte.is_ascii_uppercase() || before.is_ascii_digit(),
        );
        if before.is_ascii_alphabetic() {
            pairs += 1;
            usual_pairs += usize::from(is_usual_pair(before, *byte));
        }
    }
    let share = vowels as f64 / f64::from(u32::try_from(letters.max(1)).unwrap_or(u32::MAX));
    letters * 10 >= key.len() * 6
        && (0.22..0.6).contains(&share)
        && changes * 4 <= letters
        && usual_pairs * 10 >= pairs * 3
}

/// Whether words often have these two letters one after the other. Of all pairs that chance makes, fewer than one in ten are.
fn is_usual_pair(before: u8, letter: u8) -> bool {
    let pair = [before.to_ascii_lowercase(), letter.to_ascii_lowercase()];
    let inside_a_word = letter.is_ascii_lowercase() || before.is_ascii_uppercase();
    inside_a_word && USUAL_PAIRS.as_bytes().chunks(3).any(|one| one[..2] == pair)
}

/// What about half of the pairs of letters in English are, and a third or more in other languages of Europe.
const USUAL_PAIRS: &str = "al an ar as at ch co de ea ec ed en er es et ey ha he hi ho ic in io is it ke le li ll ma me nd \
    ne ng nt of om on or ou pa pe pr ra re ri ro se si so ss st ta te th ti to ul un ur us ve";

fn distinct(key: &[u8]) -> usize {
    let mut seen = [false; 256];
    key.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_keys_are_worth_about_what_was_drawn() {
        let hex = b"9f3c1e77a05bd2846cf01b9de35a7482";
        assert!(
            (115..=128).contains(&estimated_bits(hex)),
            "{}",
            estimated_bits(hex)
        );
        let base64 = b"Jq0vW3xT9rYbLk2NcDfMZ8sHgA7uEoP1iRtXy5KdQwE";
        assert!(
            (210..=260).contains(&estimated_bits(base64)),
            "{}",
            estimated_bits(base64)
        );
        let uuid = b"8d9b6c1e-5a3f-4c7b-9e02-1f6d84a7c35b";
        assert!(
            (110..=145).contains(&estimated_bits(uuid)),
            "{}",
            estimated_bits(uuid)
        );
    }

    /// Of 1000 of each kind, hardly one is by chance like words. A key that is told to be weak stops an application in production.
    #[test]
    fn random_keys_are_hardly_ever_taken_for_words() {
        let kinds: [(&[u8], usize); 4] = [
            (LETTERS_AND_DIGITS, 22),
            (LETTERS_AND_DIGITS, 32),
            (&LETTERS_AND_DIGITS[..52], 32),
            (&LETTERS_AND_DIGITS[..26], 32),
        ];
        for (alphabet, length) in kinds {
            let weak = (0..1000)
                .filter(|number| estimated_bits(&drawn(alphabet, length, *number)) < 80)
                .count();
            assert!(
                weak <= 3,
                "{weak} of 1000 with {length} of {} letters",
                alphabet.len()
            );
        }
    }

    #[test]
    fn words_of_several_languages_and_habits_are_worth_little() {
        for key in [
            "correct horse battery staple",
            "mysupersecretflaskkey",
            "MYSUPERSECRETKEY2024",
            "ThisIsMySecretKeyForFlask",
            "super-secret-session-key",
            "please change me in production",
            "unser firmenname 2024 geheim",
            "mot de passe tres secret",
            "la llave secreta de la empresa",
            "onze geheime sleutel voor flask",
            "tajny klic nasi firmy",
        ] {
            assert!(estimated_bits(key.as_bytes()) < 80, "{key}");
        }
    }

    const LETTERS_AND_DIGITS: &[u8; 62] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// A key of this many characters, always the same for a number.
    fn drawn(alphabet: &[u8], length: usize, number: u64) -> Vec<u8> {
        let mut state = number.wrapping_mul(0x5851_f42d_4c95_7f2d);
        (0..length)
            .map(|_| {
                // splitmix64
                state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                mixed ^= mixed >> 31;
                alphabet[(mixed % alphabet.len() as u64) as usize]
            })
            .collect()
    }

    #[test]
    fn repetition_counting_and_words_are_worth_little() {
        assert!(estimated_bits(&[b'a'; 64]) < 10);
        assert!(estimated_bits(b"0123456789abcdef0123456789abcdef") < 50);
        assert!(estimated_bits(b"abcabcabcabcabcabcabcabcabcabcabc") < 40);
        assert!(estimated_bits(b"correct horse battery staple") < 90);
        assert!(estimated_bits(b"my company name 2024") < 64);
        assert_eq!(estimated_bits(b""), 0);
    }
}
