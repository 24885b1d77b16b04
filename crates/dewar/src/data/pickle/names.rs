//! The names that a pickle may use.

/// A plain type, or a function that pickle uses to make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Bytes,
    ByteArray,
    Set,
    Dict,
    OrderedDict,
    DefaultDict,
    /// A type that is only named, as the default of a `defaultdict` or the base of a reconstructed object.
    OtherType,
    /// `_codecs.encode`: how bytes are written up to protocol 2.
    Encode,
    /// `copyreg._reconstructor`: how objects are written up to protocol 1.
    Reconstructor,
    DateTime,
    Date,
    Time,
    TimeDelta,
    TimeZone,
    Uuid,
    Decimal,
    Markup,
}

/// What a name stands for, by its exact module and name; `__builtin__` and `copy_reg` are Python 2's.
pub(super) fn find(module: &str, name: &str) -> Option<Name> {
    Some(match (module, name) {
        ("builtins" | "__builtin__", "bytes") => Name::Bytes,
        ("builtins" | "__builtin__", "bytearray") => Name::ByteArray,
        ("builtins" | "__builtin__", "set" | "frozenset") => Name::Set,
        ("builtins" | "__builtin__", "dict") => Name::Dict,
        (
            "builtins" | "__builtin__",
            "list" | "int" | "str" | "float" | "bool" | "tuple" | "object" | "unicode",
        ) => Name::OtherType,
        ("collections", "OrderedDict") => Name::OrderedDict,
        ("collections", "defaultdict") => Name::DefaultDict,
        ("_codecs", "encode") => Name::Encode,
        ("copyreg" | "copy_reg", "_reconstructor") => Name::Reconstructor,
        ("datetime", "datetime") => Name::DateTime,
        ("datetime", "date") => Name::Date,
        ("datetime", "time") => Name::Time,
        ("datetime", "timedelta") => Name::TimeDelta,
        ("datetime", "timezone") => Name::TimeZone,
        ("uuid", "UUID") => Name::Uuid,
        ("decimal", "Decimal") => Name::Decimal,
        ("markupsafe", "Markup") => Name::Markup,
        _ => return None,
    })
}
