//! Makes plain values from what a pickle gives for them; nothing else is ever "called".

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use uuid::Uuid;

use super::names::Name;
use crate::data::{Text, Value, dates};

/// What a name makes of its arguments.
pub(super) enum Made {
    Value(Value),
    /// An empty set.
    Set,
    /// An empty dict.
    Dict,
    /// A `timezone`, by its offset.
    Zone(SignedDuration),
    /// A `UUID` whose content follows.
    EmptyUuid,
}

/// An argument: a value, a zone, or a name.
pub(super) enum Argument {
    Value(Value),
    Zone(SignedDuration),
    Name(Name),
}

/// What the name makes of the arguments; `None` for all but what pickle writes for plain types.
pub(super) fn make(name: Name, arguments: Vec<Argument>) -> Option<Made> {
    use Argument::{Name as Named, Value as Is, Zone};

    Some(Made::Value(match (name, arguments.as_slice()) {
        (Name::Bytes | Name::ByteArray, []) => Value::Bytes(Vec::new()),
        (Name::ByteArray, [Is(Value::Bytes(bytes))]) => Value::Bytes(bytes.clone()),
        (Name::Encode | Name::ByteArray, [Is(Value::Str(text)), Is(Value::Str(encoding))]) => {
            latin1(text, encoding)?
        }
        (Name::Set, []) => return Some(Made::Set),
        (Name::Dict | Name::OrderedDict | Name::DefaultDict, []) => return Some(Made::Dict),
        (Name::DefaultDict, [Named(_) | Is(Value::Null)]) => return Some(Made::Dict),
        (Name::DateTime, [Is(state)]) => Value::NaiveDateTime(date_time(state.as_bytes()?)?),
        (Name::DateTime, [Is(state), Is(Value::Null)]) => {
            Value::NaiveDateTime(date_time(state.as_bytes()?)?)
        }
        (Name::DateTime, [Is(state), Zone(offset)]) => {
            aware(date_time(state.as_bytes()?)?, *offset)?
        }
        (Name::Date, [Is(state)]) => Value::Date(date(state.as_bytes()?.first_chunk()?)?),
        (Name::Time, [Is(state)] | [Is(state), Is(Value::Null)]) => {
            Value::Time(time(state.as_bytes()?.first_chunk()?)?)
        }
        (Name::TimeDelta, [Is(days), Is(seconds), Is(microseconds)]) => {
            Value::TimeDelta(delta(days, seconds, microseconds)?)
        }
        (
            Name::TimeZone,
            [Is(Value::TimeDelta(offset))] | [Is(Value::TimeDelta(offset)), Is(Value::Str(_))],
        ) => {
            return Some(Made::Zone(*offset));
        }
        (Name::Uuid, []) => return Some(Made::EmptyUuid),
        (Name::Decimal, [Is(Value::Str(text))]) => Value::Decimal(text.as_str()?.parse().ok()?),
        (Name::Markup, [Is(Value::Str(text))]) => Value::Markup(text.clone()),
        (Name::Reconstructor, [Named(Name::Uuid), Named(Name::OtherType), Is(Value::Null)]) => {
            return Some(Made::EmptyUuid);
        }
        (
            Name::Reconstructor,
            [
                Named(Name::Markup),
                Named(Name::OtherType),
                Is(Value::Str(text)),
            ],
        ) => Value::Markup(text.clone()),
        _ => return None,
    }))
}

/// The UUID whose state this is.
pub(super) fn uuid(state: &Value) -> Option<Value> {
    let number = match state.as_dict()?.get("int")? {
        Value::Int(number) => u128::try_from(*number).ok()?,
        Value::BigInt(number) => u128::try_from(number).ok()?,
        _ => return None,
    };
    Some(Value::Uuid(Uuid::from_u128(number)))
}

fn latin1(text: &Text, encoding: &Text) -> Option<Value> {
    let is_latin1 = *encoding == *"latin1" || *encoding == *"latin-1";
    let bytes: Option<Vec<u8>> = text
        .code_points()
        .map(|point| u8::try_from(point).ok())
        .collect();
    bytes.filter(|_| is_latin1).map(Value::Bytes)
}

fn date(state: &[u8; 4]) -> Option<Date> {
    // The highest bit of the month is the fold, which says nothing without a zone's rules.
    let year = i16::from_be_bytes([state[0], state[1]]);
    let date = Date::new(year, (state[2] & 0x7f) as i8, i8::try_from(state[3]).ok()?).ok()?;
    (year >= 1).then_some(date)
}

fn time(state: &[u8; 6]) -> Option<Time> {
    let microseconds = i32::from_be_bytes([0, state[3], state[4], state[5]]);
    let (hour, minute, second) = (
        (state[0] & 0x7f) as i8,
        i8::try_from(state[1]).ok()?,
        i8::try_from(state[2]).ok()?,
    );
    Time::new(hour, minute, second, microseconds.checked_mul(1000)?).ok()
}

fn date_time(state: &[u8]) -> Option<DateTime> {
    let (day, clock) = state.split_first_chunk::<4>()?;
    Some(date(day)?.to_datetime(time(clock.try_into().ok()?)?))
}

fn aware(local: DateTime, offset: SignedDuration) -> Option<Value> {
    const SECOND: i128 = 1_000_000_000;
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    let since = local.duration_since(epoch).as_nanos() - offset.as_nanos();
    dates::moment(
        i64::try_from(since.div_euclid(SECOND)).ok()?,
        since.rem_euclid(SECOND) as i32,
    )
}

fn delta(days: &Value, seconds: &Value, microseconds: &Value) -> Option<SignedDuration> {
    const MOST: i64 = 999_999_999;
    let (days, seconds, microseconds) = (days.as_i64()?, seconds.as_i64()?, microseconds.as_i64()?);
    let normal = (-MOST..=MOST).contains(&days)
        && (0..86_400).contains(&seconds)
        && (0..1_000_000).contains(&microseconds);
    let seconds = normal.then_some(days * 86_400 + seconds)?;
    Some(SignedDuration::from_secs(seconds) + SignedDuration::from_micros(microseconds))
}
