"""Python values as plain JSON that says every type: the form in which values travel to the peer and in golden files.

`neutral(value)` is lossless and equal for equal values of equal types; `native` is its inverse.
Text is hex of its UTF-8 with lone surrogates let through, so that JSON itself never matters.
"""

import datetime
import decimal
import json
import struct
import uuid
from typing import Any

import markupsafe

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
MICROSECOND = datetime.timedelta(microseconds=1)


def neutral(value: Any) -> list:
    match value:
        case None:
            return ["null"]
        case bool():
            return ["bool", value]
        case int():
            return ["int", hex(value)]
        case float():
            return ["float", "nan" if value != value else struct.pack(">d", value).hex()]
        case markupsafe.Markup():
            return ["markup", _text(str(value))]
        case str():
            return ["str", _text(value)]
        case bytes():
            return ["bytes", value.hex()]
        case tuple():
            return ["tuple", [neutral(item) for item in value]]
        case list():
            return ["list", [neutral(item) for item in value]]
        case set() | frozenset():
            return ["set", sorted((neutral(item) for item in value), key=json.dumps)]
        case dict():
            return ["dict", [[neutral(key), neutral(item)] for key, item in value.items()]]
        case datetime.datetime() if value.tzinfo is None:
            return ["naive_datetime", value.isoformat(timespec="microseconds")]
        case datetime.datetime():
            return ["datetime", str((value - EPOCH) // MICROSECOND)]
        case datetime.date():
            return ["date", value.isoformat()]
        case datetime.time():
            return ["time", value.isoformat(timespec="microseconds")]
        case datetime.timedelta():
            return ["timedelta", str(value // MICROSECOND)]
        case uuid.UUID():
            return ["uuid", value.hex]
        case decimal.Decimal():
            return ["decimal", str(value)]
    raise TypeError(f"a session cannot hold a {type(value).__name__}")


def native(description: list) -> Any:
    kind, *rest = description
    return _NATIVE[kind](*rest)


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogatepass").hex()


def _from_text(value: str) -> str:
    return bytes.fromhex(value).decode("utf-8", "surrogatepass")


def _items(items: list) -> list:
    return [native(item) for item in items]


_NATIVE = {
    "null": lambda: None,
    "bool": bool,
    "int": lambda digits: int(digits, 16),
    "float": lambda bits: float("nan") if bits == "nan" else struct.unpack(">d", bytes.fromhex(bits))[0],
    "markup": lambda text: markupsafe.Markup(_from_text(text)),
    "str": _from_text,
    "bytes": bytes.fromhex,
    "tuple": lambda items: tuple(_items(items)),
    "list": _items,
    "set": lambda items: set(_items(items)),
    "dict": lambda entries: {native(key): native(value) for key, value in entries},
    "naive_datetime": datetime.datetime.fromisoformat,
    "datetime": lambda microseconds: EPOCH + int(microseconds) * MICROSECOND,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda microseconds: int(microseconds) * MICROSECOND,
    "uuid": lambda digits: uuid.UUID(hex=digits),
    "decimal": decimal.Decimal,
}
