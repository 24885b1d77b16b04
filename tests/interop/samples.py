"""Named values that have been, or could be, somebody's bug."""

import datetime
import decimal
import uuid

from markupsafe import Markup

UTC = datetime.timezone.utc
PLUS_TWO = datetime.timezone(datetime.timedelta(hours=2))

#: What Flask's cookies can hold.
COOKIE = {
    "empty": {},
    "null": {"v": None},
    "bools": {"no": False, "yes": True},
    "integers": {"v": [0, -1, 1, 2**31, -(2**31), 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]},
    "huge integers": {"v": [2**63, -(2**63) - 1, 2**64 - 1, 2**64, 10**40, -(10**400)]},
    "floats": {"v": [0.0, -0.0, 1.0, 0.1, 1e16, 1e15, 123456789012345680.0, 1e22, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308]},
    "no numbers": {"v": [float("nan"), float("inf"), float("-inf")]},
    "text": {"v": ["", "plain", 'quote " and \\', "\x00\x1f\x7f\x80\u2028", "é€😀", "</script>&'"]},
    "lone surrogates": {"v": ["\ud800", "a\udfffb", "\udc00\ud800"], "\udabc": 1},
    "bytes": {"v": [b"", b"\x00\xff", bytes(range(256))]},
    "tuples": {"v": [(), (1,), (1, (2, [3, (4,)]))]},
    "nested": {"a": {"b": {"c": [{"d": []}, {}]}}, "list": [[[]]]},
    "key order": {"b": 1, "a": 2, "Z": 3, "é": 4, "😀": 5, "\uffff": 6, "": 7},
    "like tags": {"v": [{" t": [1]}, {" di": {}}, {" b": "x"}, {" x": 1}, {" t__": 1}, {" u": None, " d": 1}, {"t": 1}]},
    "like tags twice": {"v": {" t": {" t": {" di": [{" m": "x"}]}}}},
    "like a tag": {" t": "x"},
    "uuid": {"v": [uuid.UUID(int=0), uuid.UUID("12345678-1234-5678-9abc-def012345678")]},
    "markup": {"v": [Markup("<b>&amp;</b>"), Markup("")]},
    "aware datetimes": {
        "v": [
            datetime.datetime(1970, 1, 1, tzinfo=UTC),
            datetime.datetime(2026, 2, 28, 23, 59, 59, tzinfo=PLUS_TWO),
            datetime.datetime(1900, 1, 1, tzinfo=UTC),
            datetime.datetime(9999, 12, 30, 21, 59, 59, tzinfo=UTC),
        ]
    },
    "naive datetimes": {"v": [datetime.datetime(2024, 2, 29, 1, 2, 3, 999999), datetime.datetime(1000, 1, 1)]},
    "flashes": {"_flashes": [("message", "Hi"), ("error", Markup("<i>no</i>"))], "_permanent": True},
    "flask-login": {"_user_id": "42", "_fresh": True, "_id": "ab" * 64},
    "compressed": {"cart": [{"sku": f"item-{number:04}", "count": 1} for number in range(60)]},
}

#: What Flask-Session's stores can hold besides; most of it comes back as another type.
RECORD = {
    "bytes": {"v": [b"", b"\x00\xff", bytes(range(256))]},
    "tuple and sets": {"t": (1, (2,)), "s": {7}, "f": frozenset({"x"}), "e": set()},
    "uuid": {"v": uuid.UUID("12345678-1234-5678-9abc-def012345678")},
    "decimals": {"v": [decimal.Decimal(text) for text in ["0", "-0.00", "19.90", "1E+5", "1E-10", "NaN", "Infinity"]]},
    "aware datetimes": {
        "v": [
            datetime.datetime(1970, 1, 1, tzinfo=UTC),
            datetime.datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=PLUS_TWO),
            datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
            datetime.datetime(1, 1, 1, tzinfo=UTC),
            datetime.datetime(9999, 12, 30, 21, 59, 59, tzinfo=UTC),
            datetime.datetime(2106, 2, 7, 6, 28, 16, tzinfo=UTC),
        ]
    },
    "naive datetimes": {"v": [datetime.datetime(2024, 2, 29, 1, 2, 3), datetime.datetime(1, 1, 1, 0, 0, 0, 1)]},
    "dates": {"v": [datetime.date(1, 1, 1), datetime.date(2026, 2, 28)]},
    "times": {"v": [datetime.time(0, 0), datetime.time(23, 59, 59, 1)]},
    "timedeltas": {
        "v": [
            datetime.timedelta(),
            datetime.timedelta(days=31),
            datetime.timedelta(microseconds=-1),
            datetime.timedelta(hours=-5, seconds=1, microseconds=500000),
            datetime.timedelta(days=1, seconds=2, microseconds=30),
        ]
    },
    "unsigned": {"v": [2**63, 2**64 - 1]},
    "sizes": {"s": ["x" * size for size in (31, 32, 255, 256)], "b": b"y" * 256, "l": list(range(20)), "d": {str(n): n for n in range(20)}},
    "long": {"text": "z" * 70000, "list": [0] * 66000},
}
#: Left out of golden files, for their size.
LARGE = {"long"}


def storable(session: dict) -> bool:
    """Whether msgspec takes what is in a session."""
    return not any(_refused(value) for value in session.values())


def _refused(value: object) -> bool:
    match value:
        case Markup():
            return True
        case bool():
            return False
        case int():
            return not -(2**63) <= value < 2**64
        case str():
            return any("\ud800" <= character <= "\udfff" for character in value)
        case list() | tuple() | set() | frozenset():
            return any(map(_refused, value))
        case dict():
            return any(_refused(part) for entry in value.items() for part in entry)
    return False
