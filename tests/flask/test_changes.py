"""What is noticed at the end of a request: every change, however deep, and nothing else."""

from __future__ import annotations

import copy
import datetime
import decimal
import threading
from collections.abc import Iterator
from typing import Any

import flask
import flask_dewar
import msgspec
import pytest
from flask_dewar._native import decode, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

KEY = "a secret key of some length"


#: Records that keep every type.
TYPED = {"SESSION_SERIALIZATION_FORMAT": "msgpack-typed"}


def app_of(kind: str, **config: Any) -> flask.Flask:
    app = flask.Flask(__name__)
    app.config.update(SECRET_KEY=KEY, SESSION_TYPE=kind, MAX_COOKIE_SIZE=0, TESTING=True)
    app.config.update(config)
    flask_dewar.Session(app)
    app.add_url_rule("/", view_func=lambda: repr(dict(flask.session)))
    return app


class Visit:
    """One visitor of an application, who does anything to the session."""

    def __init__(self, app: flask.Flask) -> None:
        self.app, self.client = app, app.test_client()

    def write(self, data: dict[Any, Any]) -> None:
        with self.client.session_transaction() as session:
            session.update(data)

    def read(self) -> dict[Any, Any]:
        with self.client.session_transaction() as session:
            found = dict(session)
        found.pop("_permanent", None)
        return found

    def request(self, change: Any) -> bool:
        """Lets a handler change the session's dict past all that could notice it; whether a cookie was set."""
        app, interface = self.app, self.app.session_interface
        found = self.client.get_cookie("session")
        environ = {"HTTP_COOKIE": f"session={found.value}"} if found else {}
        with app.test_request_context("/", environ_overrides=environ):
            change(flask.session._get_current_object())  # type: ignore[attr-defined]
            response = app.response_class()
            interface.save_session(app, flask.session._get_current_object(), response)  # type: ignore[attr-defined]
        set_cookie = response.headers.get("Set-Cookie")
        if set_cookie is not None:
            name, value = set_cookie.split(";")[0].split("=", 1)
            self.client.set_cookie(name, value)
        return set_cookie is not None


@pytest.fixture(scope="module", params=["cookie", "memory"])
def app(request: pytest.FixtureRequest) -> flask.Flask:
    return app_of(request.param, **TYPED)


@pytest.fixture
def visit(app: flask.Flask) -> Visit:
    return Visit(app)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=12)
    | st.text(st.characters(exclude_categories=[]), max_size=4)
)
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=40), inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=15,
)


def paths(value: Any) -> Iterator[tuple[Any, ...]]:
    """The steps to each place in a value that can be changed."""
    if not isinstance(value, (dict, list, tuple)):
        return
    for step in value if isinstance(value, dict) else range(len(value)):
        if not isinstance(value, tuple):
            yield (step,)
        for further in paths(value[step]):
            yield (step, *further)


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Changes what is at a place, past whatever a session does when it is changed."""
    *steps, last = path
    for step in steps:
        value = value[step]
    if isinstance(value, dict):
        dict.__setitem__(value, last, new)
    else:
        value[last] = new


def usual(value: Any) -> str:
    """A value as text that tells 0.0 from -0.0, 1 from True and a list from a tuple, whatever the order of keys."""
    if isinstance(value, dict):
        return repr(sorted((repr(key), usual(item)) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return type(value).__name__ + repr([usual(item) for item in value])
    return repr(value)


@settings(max_examples=150)
@given(value=trees, new=trees, data=st.data())
def test_a_change_at_any_place_is_saved(
    app: flask.Flask, value: Any, new: Any, data: st.DataObject
) -> None:
    visit = Visit(app)
    visit.write({"other": 1, "value": value, "long": [value, "x" * 300], "z": [1]})
    expected = visit.read()
    path = data.draw(st.sampled_from(sorted(paths(expected), key=repr)))
    put(expected, path, new)
    visit.request(lambda session: put(session, path, copy.deepcopy(new)))
    assert usual(visit.read()) == usual(expected)


@settings(max_examples=150)
@given(value=st.dictionaries(st.text(max_size=8), trees, max_size=4))
def test_what_is_only_read_is_not_written(value: dict[str, Any]) -> None:
    visit = Visit(app_of("cookie"))
    visit.write({**value, "name": "ada"})
    before = visit.read()
    assert not visit.request(lambda session: [session[key] for key in session])
    assert not visit.request(lambda session: dict.update(session, copy.deepcopy(dict(session))))
    assert usual(visit.read()) == usual(before)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        ([1], (1,)),
        ({"a": [1]}, {"a": (1,)}),
        ([0], [False]),
        ("1", 1),
        (None, "None"),
        ([], {}),
        ([1, 2], [1]),
        ([1], [1, 2]),
        ({"a": 1}, {}),
        ({}, {"a": 1}),
        ({"a": 1}, {"b": 1}),
        ("a", Markup("a")),
        (2**63 - 1, 2**63),
        ("\ud800", "\ud801"),
    ],
)
def test_values_that_are_alike_are_told_apart(visit: Visit, before: Any, after: Any) -> None:
    visit.write({"value": before})
    visit.request(lambda session: dict.__setitem__(session, "value", after))
    assert usual(visit.read()["value"]) == usual(after)


@pytest.mark.parametrize("format", ["msgpack", "json", "msgpack-typed"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ([{"x": {"a": 1, "b": 2}}, 1], [{"x": {"b": 2, "a": 1}}, 1]),
        ({1: 2}, {"1": 2}),
        ({"1": 2}, {1: 2}),
        ({"in": [{1: 2}]}, {"in": [{"1": 2}]}),
        (0.0, -0.0),
        ([-0.0], [0.0]),
    ],
)
def test_a_dicts_order_the_type_of_a_key_and_the_sign_of_zero_are_changes(
    format: Any, before: Any, after: Any
) -> None:
    """As in Flask-Session, which writes the whole session."""
    codec = msgspec.json if format == "json" else msgspec.msgpack
    for filling in ("", "x" * 500):
        visit = Visit(app_of("memory", SESSION_SERIALIZATION_FORMAT=format))
        visit.write({"value": before, "other": filling})
        visit.request(lambda session: dict.__setitem__(session, "value", after))
        assert repr(visit.read()["value"]) == repr(codec.decode(codec.encode(after)))


def test_the_oldest_entry_of_a_dict_may_become_its_newest(visit: Visit) -> None:
    def see(name: str) -> None:
        def change(session: Any) -> None:
            seen = session.get("seen", {})
            seen.pop(name, None)
            seen[name] = 1
            session["seen"] = seen

        visit.request(change)

    for name in "abca":
        see(name)
    # A cookie's keys are sorted, as Flask's are.
    in_cookie = visit.app.config["SESSION_TYPE"] == "cookie"
    assert list(visit.read()["seen"]) == list("abc" if in_cookie else "bca")


def test_keys_are_added_removed_and_reordered_past_the_sessions_methods(visit: Visit) -> None:
    visit.write({"a": 1, "b": [2], "c": 3})

    def change(session: Any) -> None:
        dict.pop(session, "a")
        moved = dict.pop(session, "b")
        dict.update(session, {"d": 4, "b": moved})
        moved.append(5)

    visit.request(change)
    assert visit.read() == {"b": [2, 5], "c": 3, "d": 4}
    visit.request(lambda session: dict.clear(session))
    assert visit.read() == {}


def test_a_key_that_is_a_number_replaces_the_text_of_it(visit: Visit) -> None:
    visit.write({"1": "text", "other": 1})

    def change(session: Any) -> None:
        dict.pop(session, "1")
        dict.__setitem__(session, 1, "number")

    visit.request(change)
    assert visit.read() == {"1": "number", "other": 1}


def test_a_session_that_is_saved_twice_saves_what_changed_in_between() -> None:
    app = app_of("memory")
    visit = Visit(app)
    visit.write({"list": [1], "gone": 1})
    interface = app.session_interface

    def change(session: Any) -> None:
        session["list"].append(2)
        interface.save_session(app, session, app.response_class())
        session["list"].append(3)
        dict.pop(session, "gone")

    visit.request(change)
    assert visit.read() == {"list": [1, 2, 3]}


class Meddler:
    """An object that changes the session, and itself, while it is saved."""

    def __init__(self, meddle: Any) -> None:
        self.meddle = meddle

    def __html__(self) -> str:
        self.meddle()
        return "meddled"

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the session compared by the object's own code")

    __hash__ = None  # type: ignore[assignment]


def test_objects_that_change_the_session_while_it_is_saved_do_no_harm(visit: Visit) -> None:
    visit.write({"a": 1, "list": [1], "z": {"deep": [1]}})

    def change(session: Any) -> None:
        def meddle() -> None:
            for number in range(50):
                dict.__setitem__(session, f"more {number}", number)
            session["list"].clear()
            session["z"].clear()
            dict.pop(session, "a", None)

        dict.__setitem__(session, "meddler", Meddler(meddle))
        session["list"].append(Meddler(session["list"].clear))
        session["z"]["deep"].append(Meddler(session["z"].clear))

    visit.request(change)
    assert visit.read()["meddler"] in ("meddled", Markup("meddled"))


class Loud(str):
    """Text of a class of its own, which says so when it is compared."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("the session compared by the object's own code")

    def __hash__(self) -> int:
        return super().__hash__()


def test_values_of_classes_of_their_own_are_stored_as_what_they_are(visit: Visit) -> None:
    visit.write({"text": "a", "list": [1]})
    visit.request(lambda session: dict.__setitem__(session, "text", Loud("b")))
    visit.request(lambda session: session["list"].append(Loud("c")))
    assert visit.read() == {"text": "b", "list": [1, "c"]}


@pytest.mark.parametrize("value", [object(), [object()], {"deep": [{"er": object()}]}, {(1,): 1}])
def test_the_error_for_what_cannot_be_stored_names_the_key(visit: Visit, value: Any) -> None:
    with pytest.raises(TypeError, match=r"session\[\"wrong\"\] cannot be kept"):
        visit.request(lambda session: dict.__setitem__(session, "wrong", value))


@pytest.mark.parametrize("value", [2**80, "\ud800", [{"deep": -(2**64)}]])
def test_the_error_for_what_msgpack_cannot_hold_names_the_key_and_the_way_out(value: Any) -> None:
    visit = Visit(app_of("memory"))
    with pytest.raises(TypeError, match=r"session\[\"wrong\"\]: .*msgpack-typed"):
        visit.request(lambda session: dict.__setitem__(session, "wrong", value))


def test_a_value_that_holds_itself_is_refused(visit: Visit) -> None:
    visit.write({"list": [1]})

    def change(session: Any) -> None:
        session["list"].append(session["list"])

    with pytest.raises(ValueError, match=r"session\[\"list\"\] .*Circular reference"):
        visit.request(change)
    assert visit.read() == {"list": [1]}


def test_deep_values_are_read_and_compared(visit: Visit) -> None:
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    visit.write({"deep": deep, "n": 0})
    visit.request(lambda session: dict.__setitem__(session, "n", 1))
    found = visit.read()
    assert found["n"] == 1
    value, depth = found["deep"], 0
    while value:
        value, depth = value[0], depth + 1
    assert depth == 600


NUMBERED = {1: "a", -7: {2: [3]}, None: "n", 1.5: "f", 2**63: "big", "1": "text", "é": 1}


@pytest.mark.parametrize("kind", ["memory", "filesystem"])
def test_keys_of_dicts_keep_their_type_on_the_server(kind: str, tmp_path: Any) -> None:
    visit = Visit(app_of(kind, SESSION_FILE_DIR=str(tmp_path / "sessions")))
    data = {"numbered": {1: "a", False: "b", None: "c"}, "list": [dict(NUMBERED)]}
    visit.write(data)
    assert repr(visit.read()) == repr(data)
    # A change elsewhere, and one in the dict.
    visit.request(lambda session: dict.__setitem__(session, "other", 1))
    visit.request(lambda session: session["list"][0].update({3: {4: 5}}))
    data["list"][0][3] = {4: 5}  # type: ignore[index]
    assert repr(visit.read()) == repr({**data, "other": 1})


def test_keys_of_dicts_are_text_in_cookies_as_in_flask() -> None:
    visit = Visit(app_of("cookie"))
    visit.write({"numbered": {1: "a", 2: {3: 4}}})
    assert visit.read() == {"numbered": {"1": "a", "2": {"3": 4}}}


@settings(max_examples=150)
@given(
    value=st.dictionaries(
        st.text(max_size=4)
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.booleans()
        | st.none(),
        trees,
        max_size=5,
    )
)
def test_records_with_any_keys_are_what_msgspec_makes_of_them(value: dict[Any, Any]) -> None:
    msgspec = pytest.importorskip("msgspec")
    try:
        theirs = msgspec.msgpack.encode({"value": value})
    except UnicodeEncodeError:
        return
    ours = encode({"value": value}, "msgpack")
    assert ours == theirs
    assert repr(decode(theirs, "msgpack")) == repr(msgspec.msgpack.decode(theirs))


def test_two_requests_append_dicts_with_numbers_as_keys() -> None:
    app = app_of("memory")
    visit = Visit(app)
    visit.write({"list": [{1: "first"}]})

    def change(session: Any) -> None:
        session["list"].append({2: "mine"})
        # Another request of the same visitor, in the middle of this one.
        thread = threading.Thread(
            target=visit.request, args=[lambda other: other["list"].append({3: "theirs"})]
        )
        thread.start()
        thread.join()

    visit.request(change)
    assert visit.read() == {"list": [{1: "first"}, {3: "theirs"}, {2: "mine"}]}


def test_types_survive_beside_a_change(visit: Visit) -> None:
    typed = {
        "at": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
        "markup": Markup("<b>"),
        "price": decimal.Decimal("1.50"),
        "raw": b"\xff",
        "big": 10**30,
    }
    visit.write(typed)
    first = visit.read()
    visit.request(lambda session: dict.__setitem__(session, "n", 1))
    assert visit.read() == {**first, "n": 1}
    # Flask's cookies have no tag for a Decimal.
    typed["price"] = first["price"]
    assert first == typed and str(first["price"]) == "1.50"
