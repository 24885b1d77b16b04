use std::time::Duration;

use super::{BadData, Keyring, Scheme, Signer, base64};
use crate::UnixTime;

/// Signs values together with the time: itsdangerous' `TimestampSigner`.
///
/// The time is kept in whole seconds.
///
/// ```
/// use std::time::Duration;
/// use dewar::{UnixTime, signing::{BadData, Keyring, Scheme, TimedSigner}};
///
/// let signer = TimedSigner::new(&Keyring::new("secret key"), &Scheme::new("itsdangerous.Signer"));
/// let now = UnixTime::from_seconds(1_700_000_000);
/// let signed = signer.sign(b"my string", now);
///
/// let max_age = Some(Duration::from_secs(60));
/// assert_eq!(signer.unsign(&signed, now, max_age)?, (&b"my string"[..], now));
///
/// let later = now + Duration::from_secs(61);
/// assert_eq!(signer.unsign(&signed, later, max_age), Err(BadData::Expired { age: 61, max_age: 60 }));
/// # Ok::<(), BadData>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimedSigner(Signer);

impl TimedSigner {
    /// A signer with these keys.
    pub fn new(keys: &Keyring, scheme: &Scheme) -> TimedSigner {
        TimedSigner(Signer::new(keys, scheme))
    }

    /// The value with the time and the signature after it.
    pub fn sign(&self, value: &[u8], now: UnixTime) -> Vec<u8> {
        let mut stamp = String::from(self.0.separator().as_str());
        encode_timestamp(now, &mut stamp);
        self.0.sign(&[value, stamp.as_bytes()].concat())
    }

    /// The value and when it was signed, if the signature is right and not older than `max_age`.
    ///
    /// Ages are counted in whole seconds; exactly `max_age` is not too old. Without `max_age` any time is
    /// accepted, even one to come.
    ///
    /// # Errors
    /// If the signature is wrong, the time is missing or malformed, or the age is not allowed.
    pub fn unsign<'a>(
        &self,
        signed: &'a [u8],
        now: UnixTime,
        max_age: Option<Duration>,
    ) -> Result<(&'a [u8], UnixTime), BadData> {
        let stamped = self.0.unsign(signed)?;
        let (value, stamp) = self
            .0
            .separator()
            .split_last(stamped)
            .ok_or(BadData::TimestampMissing)?;
        let issued = decode_timestamp(stamp).ok_or(BadData::TimestampMalformed)?;
        if let Some(max_age) = max_age {
            check_age(issued, now, max_age.as_secs())?;
        }
        Ok((value, issued))
    }

    /// Whether the signature is right and not older than `max_age`.
    pub fn validate(&self, signed: &[u8], now: UnixTime, max_age: Option<Duration>) -> bool {
        self.unsign(signed, now, max_age).is_ok()
    }

    /// How many bytes time and signature have with their separators, from 1970 to 2106.
    pub(super) fn signature_length(&self) -> usize {
        self.0.separator().as_str().len() + base64::encoded_length(4) + self.0.signature_length()
    }

    /// Appends the time and the signature to the text that begins at `start`.
    pub(super) fn sign_text(&self, text: &mut String, start: usize, now: UnixTime) {
        text.push_str(self.0.separator().as_str());
        encode_timestamp(now, text);
        self.0.sign_text(text, start);
    }
}

/// Whole seconds, big-endian, without leading zero bytes; a time before 1970 becomes 1970.
fn encode_timestamp(time: UnixTime, out: &mut String) {
    let seconds = u64::try_from(time.seconds()).unwrap_or(0);
    let zeros = seconds.leading_zeros() as usize / 8;
    base64::encode_to(&seconds.to_be_bytes()[zeros..], out);
}

/// `None` also for a time that is too far off to be one (292 million years).
fn decode_timestamp(text: &[u8]) -> Option<UnixTime> {
    let (mut buffer, mut spare) = ([0; 8], Vec::new());
    let bytes = base64::decode_short(text, &mut buffer, &mut spare)?;
    let mut seconds = [0; 8];
    seconds[8_usize.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    let millis = i64::from_be_bytes(seconds).checked_mul(1000)?;
    (millis >= 0).then(|| UnixTime::from_millis(millis))
}

fn check_age(issued: UnixTime, now: UnixTime, max_age: u64) -> Result<(), BadData> {
    let age = now.seconds() - issued.seconds();
    match u64::try_from(age) {
        Err(_) => Err(BadData::FromTheFuture {
            ahead: age.unsigned_abs(),
        }),
        Ok(age) if age > max_age => Err(BadData::Expired { age, max_age }),
        Ok(_) => Ok(()),
    }
}
