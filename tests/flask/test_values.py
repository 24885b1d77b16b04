"""What Python's objects become in records: the bytes that msgspec writes for Flask-Session."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import pickle
import uuid
import zoneinfo
from collections import OrderedDict, defaultdict
from typing import Any, ClassVar, NamedTuple

import flask
import flask_dewar
import msgspec
import pytest
from flask.json.tag import TaggedJSONSerializer
from flask_dewar._native import decode, encode
from werkzeug.datastructures import CombinedMultiDict, ImmutableDict, ImmutableMultiDict, MultiDict
from werkzeug.local import LocalProxy


def zone(**offset: int) -> datetime.timezone:
    return datetime.timezone(datetime.timedelta(**offset))


INDIA = zone(hours=5, minutes=30)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
ZONES = [
    datetime.UTC,
    INDIA,
    BERLIN,
    zone(hours=-5),
    zone(hours=-3, minutes=-30),
    *(zone(seconds=sign * seconds) for sign in (1, -1) for seconds in (29, 30, 31, 3630, 86399)),
]


class Colour(enum.Enum):
    RED = "red"
    SECOND = 2
    THIRD = (1, 2)


class Number(enum.IntEnum):
    ONE = 1


class Letter(enum.StrEnum):
    A = "a"


@dataclasses.dataclass
class Order:
    number: int = 1
    unset: int = dataclasses.field(init=False)
    _private: int = 2
    hidden: int = dataclasses.field(default=3, repr=False)
    counted: ClassVar[int] = 4
    given: dataclasses.InitVar[int] = 5

    def __post_init__(self, given: int) -> None:
        self.not_a_field = given


@dataclasses.dataclass
class Uncopied:
    lines: list[Any]

    def __deepcopy__(self, memo: object) -> Any:
        raise AssertionError("the value was copied")


@dataclasses.dataclass(slots=True, frozen=True)
class Slotted:
    number: int = 1


class Struct(msgspec.Struct, rename="camel", tag=True, omit_defaults=True):
    at_noon: Any
    left_out: int = 3


class Listed(msgspec.Struct, array_like=True):
    first: Any
    second: int = 2


class Unset(msgspec.Struct):
    number: int | msgspec.UnsetType = msgspec.UNSET


def same_as_msgspec(value: Any, *formats: str) -> None:
    for format in formats or ("msgpack", "json"):
        expected = getattr(msgspec, format).encode({"value": value})
        assert encode({"value": value}, format) == expected


@pytest.mark.parametrize("tz", ZONES, ids=str)
def test_the_offset_of_a_time_and_in_json_of_a_datetime_is_kept(tz: datetime.tzinfo) -> None:
    for microsecond in (0, 5, 500_000):
        same_as_msgspec(datetime.time(9, 1, 2, microsecond, tzinfo=tz))
        same_as_msgspec(datetime.datetime(2024, 7, 1, 9, 1, 2, microsecond, tzinfo=tz))
    same_as_msgspec([{"at": datetime.time(9, tzinfo=tz)}])


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(9999, 12, 31, 23, tzinfo=zone(hours=-5)),
        datetime.datetime(1, 1, 1, tzinfo=INDIA),
    ],
)
def test_the_ends_of_time_have_an_offset_in_json(value: datetime.datetime) -> None:
    same_as_msgspec(value, "json")


@pytest.mark.parametrize("format", ["msgpack", "json", "msgpack-typed", "cookie", "pickle"])
def test_a_time_loses_its_zone_in_no_format(format: str) -> None:
    record = encode({"opens": datetime.time(9, tzinfo=INDIA)}, format)
    assert decode(record, format) == {"opens": "09:00:00+05:30"}


def test_an_offset_goes_through_a_session_and_is_not_written_again() -> None:
    app = flask.Flask(__name__)
    app.config.update(SESSION_TYPE="memory", SESSION_SERIALIZATION_FORMAT="json", TESTING=True)
    flask_dewar.Session(app)
    client = app.test_client()
    for _ in range(2):
        with client.session_transaction() as session:
            session["at"] = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=INDIA)
        with client.session_transaction() as session:
            assert session["at"] == "2024-01-02T03:04:05+05:30"


@pytest.mark.parametrize(
    "value", [{frozenset({1}), 2}, {(1, frozenset({2, (3,)}))}, {frozenset({frozenset()})}], ids=str
)
def test_what_is_in_a_set_can_be_in_a_set_when_it_is_read(value: set[Any]) -> None:
    record = encode({"value": value}, "msgpack-typed")
    assert decode(record, "msgpack-typed") == {"value": value}
    assert decode(pickle.dumps({"value": value}), "msgpack") == {"value": value}


KEYS = [
    uuid.UUID(int=1),
    datetime.date(2024, 1, 1),
    datetime.datetime(2024, 1, 1),
    datetime.time(9),
    datetime.time(9, tzinfo=INDIA),
    datetime.timedelta(days=1),
    decimal.Decimal("1.50"),
    Colour.RED,
    Colour.SECOND,
    Number.ONE,
    Letter.A,
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_what_is_stored_as_text_can_be_a_key(key: Any) -> None:
    same_as_msgspec({key: 2})
    same_as_msgspec([{"in": {key: {key: 1}}}])


@pytest.mark.parametrize(
    "key",
    [
        b"ab",
        datetime.datetime(2024, 1, 1, tzinfo=INDIA),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    ],
)
def test_other_keys_are_the_text_that_they_have_in_json(key: Any) -> None:
    """In msgpack msgspec writes bytes and moments, of which Dewar makes the same text when it reads them."""
    same_as_msgspec({key: 2}, "json")
    found = decode(encode({"value": {key: 2}}, "msgpack"), "msgpack")
    assert found == msgspec.json.decode(msgspec.json.encode({"value": {key: 2}}))


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_keys_of_the_session_are_text(key: Any) -> None:
    assert decode(encode({key: 2}, "json"), "json") == msgspec.json.decode(
        msgspec.json.encode({key: 2})
    )


@pytest.mark.parametrize("key", [(1, 2), frozenset({1}), Colour.THIRD, object(), Slotted()])
def test_any_other_key_is_refused(key: Any) -> None:
    with pytest.raises(TypeError, match="a dict's key must be"):
        encode({"value": {key: 1}}, "msgpack")


@pytest.mark.parametrize(
    "value",
    [
        Order(),
        Uncopied([Order()]),
        Slotted(),
        Struct(datetime.date(2024, 1, 1)),
        Struct([Struct(decimal.Decimal("1.5"))], left_out=4),
        Listed(uuid.UUID(int=1)),
        Unset(),
        memoryview(b"abc"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_with_fields_and_views_are_stored_as_msgspec_does(value: Any) -> None:
    same_as_msgspec({"in": [value]})


class Elsewhere(dict[str, Any]):
    """A dict whose entries are in another one."""

    def items(self) -> Any:
        return {"elsewhere": 1}.items()


def dicts_of_their_own() -> dict[str, Any]:
    """Dicts whose methods say something else than what is in the dict itself."""
    several = [("tag", "a"), ("tag", "b"), ("name", "x")]
    ordered = OrderedDict(b=1, a=2)
    ordered.move_to_end("b")
    return {
        "several": MultiDict(several),
        "form": ImmutableMultiDict(several),
        "combined": CombinedMultiDict([MultiDict(several), MultiDict({"page": "2"})]),
        "elsewhere": Elsewhere(),
        "ordered": ordered,
        "default": defaultdict(list, a=[1]),
        "nested": [{"in": ImmutableDict(a=MultiDict(several))}],
    }


@pytest.mark.parametrize("format", ["msgpack", "json"])
def test_dicts_of_classes_of_their_own_are_stored_as_msgspec_does(format: str) -> None:
    codec = msgspec.msgpack if format == "msgpack" else msgspec.json
    value = dicts_of_their_own()
    # msgspec sees nothing of these.
    kept = {"combined": {"tag": "a", "name": "x", "page": "2"}, "elsewhere": {"elsewhere": 1}}
    found = decode(encode(value, format), format)
    assert found == codec.decode(codec.encode(value)) | kept
    assert found["several"] == {"tag": ["a", "b"], "name": ["x"]}
    assert list(found["ordered"]) == list(codec.decode(codec.encode(value["ordered"])))


class Doubled(list[int]):
    def __iter__(self) -> Any:
        return iter([*range(len(self)), *range(len(self))])


class Pair(NamedTuple):
    left: int
    right: list[int]


@pytest.mark.parametrize(
    "value",
    [
        *dicts_of_their_own().values(),
        Doubled([1]),
        Pair(1, [2]),
        LocalProxy(lambda: {"a": (1, [2])}),
        LocalProxy(lambda: [1, {"b": 2}]),
        LocalProxy(lambda: (1, 2)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_containers_of_classes_of_their_own_are_in_cookies_what_flask_makes_of_them(
    value: Any,
) -> None:
    app = flask.Flask(__name__)
    with app.app_context():
        written = TaggedJSONSerializer().dumps({"value": value})
        assert encode({"value": value}, "cookie").decode() == written


def test_an_object_of_attrs_is_stored_with_what_is_not_private() -> None:
    """In another order than msgspec's, which is none."""
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Attrs:
        number: int
        _private: int = 2
        inner: Any = None

    value = {"value": [Attrs(1, inner=Attrs(2))]}
    for format, codec in (("msgpack", msgspec.msgpack), ("json", msgspec.json)):
        assert decode(encode(value, format), format) == codec.decode(codec.encode(value))


def test_classes_are_refused() -> None:
    for value in (Order, Struct, Colour):
        with pytest.raises(TypeError, match="cannot be stored"):
            encode({"value": value}, "msgpack")


def test_fields_keep_their_types_where_the_format_does() -> None:
    day = datetime.date(2024, 1, 1)
    for value in (Slotted(day), Struct(day)):  # type: ignore[arg-type]
        found = decode(encode({"value": value}, "msgpack-typed"), "msgpack-typed")
        assert found is not None and day in found["value"].values()


def test_an_object_that_holds_itself_is_refused() -> None:
    order = Uncopied([])
    order.lines.append(order)
    with pytest.raises(ValueError, match="Circular reference"):
        encode({"value": order}, "msgpack")
