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

/// Letters of one case, or capitalized words, with vowels as often as words have them; digits and signs between.
fn reads_as_words(key: &[u8]) -> bool {
    let mut letters = 0;
    let mut vowels = 0;
    let mut changes = 0;
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
    }
    let share = vowels as f64 / f64::from(u32::try_from(letters.max(1)).unwrap_or(u32::MAX));
    letters * 10 >= key.len() * 6 && (0.22..0.6).contains(&share) && changes * 4 <= letters
}

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
