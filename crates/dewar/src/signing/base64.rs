use base64_simd::URL_SAFE_NO_PAD;

/// Appends the unpadded URL-safe form.
pub(super) fn encode_to(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, out);
}

/// How many characters [`encode_to`] appends for so many bytes.
pub(super) fn encoded_length(bytes: usize) -> usize {
    URL_SAFE_NO_PAD.encoded_length(bytes)
}

/// Decodes what `itsdangerous.encoding.base64_decode` decodes, to the same bytes.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode_to_vec(text)
        .ok()
        .or_else(|| decode_as_python(text))
}

/// As [`decode`], without allocating for a well-formed text that fits into the buffer.
pub(super) fn decode_short<'a>(
    text: &[u8],
    buffer: &'a mut [u8],
    spare: &'a mut Vec<u8>,
) -> Option<&'a [u8]> {
    use base64_simd::AsOut;

    if URL_SAFE_NO_PAD.estimated_decoded_length(text.len()) <= buffer.len() {
        // The borrow checker wants the length here and the slice later.
        let length = URL_SAFE_NO_PAD
            .decode(text, buffer.as_out())
            .map(|decoded| decoded.len());
        if let Ok(length) = length {
            return Some(&buffer[..length]);
        }
    }
    *spare = decode_as_python(text)?;
    Some(spare)
}

/// itsdangerous pads to a multiple of four and gives the text to CPython's `base64.urlsafe_b64decode`.
///
/// That takes `+` and `/` for `-` and `_`, skips every other character, ignores what follows complete padding,
/// and does not look at the unused bits of the last character.
fn decode_as_python(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.len().wrapping_neg() % 4;
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut pending = 0;
    // Characters of the current group of four, and `=` in a row after them.
    let (mut position, mut pads) = (0, 0);
    for &character in text.iter().chain(&b"==="[..padding]) {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            b'=' if position >= 2 => {
                pads += 1;
                if position + pads >= 4 {
                    return Some(bytes);
                }
                continue;
            }
            _ => continue,
        };
        pads = 0;
        match position {
            0 => pending = digit,
            1 => {
                bytes.push(pending << 2 | digit >> 4);
                pending = digit & 0x0f;
            }
            2 => {
                bytes.push(pending << 4 | digit >> 2);
                pending = digit & 0x03;
            }
            _ => bytes.push(pending << 6 | digit),
        }
        position = (position + 1) % 4;
    }
    (position == 0).then_some(bytes)
}
