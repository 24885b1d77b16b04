"""Long lists and dicts are made when somebody reaches for them, and nobody can tell."""

from __future__ import annotations

import collections
import copy
import json
import operator
import pickle
import threading
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jinja2
import pytest
from flask_dewar._native import WAITING
from flask_dewar.cookie import CookieSession
from test_changes import TYPED, Visit, app_of

CART = [{"item": f"item number {n}", "count": n} for n in range(20)]
PLACES = {f"place {n}": [n, n / 2] for n in range(30)}
DATA: dict[str, Any] = {"name": "ada", "cart": CART, "short": [1], "places": PLACES, "visits": 3}


@pytest.fixture(params=["cookie", "memory", "filesystem"])
def visit(request: pytest.FixtureRequest, tmp_path: Any) -> Visit:
    visit = Visit(app_of(request.param, SESSION_FILE_DIR=str(tmp_path / "sessions"), **TYPED))
    visit.write(copy.deepcopy(DATA))
    return visit


def waiting(session: Any) -> list[str]:
    """The keys whose values nobody has reached for."""
    return [key for key, value in dict.items(session) if value is WAITING]


def matched(session: Any) -> Any:
    match session:
        case {"cart": [first, *_], "name": str(name)}:
            return first, name


def swapped(session: Any) -> None:
    session["cart"], session["places"] = session["places"], session["cart"]


def moved(session: Any) -> None:
    session["moved"] = session.pop("cart")


def shared(session: Any) -> None:
    session["again"] = session["cart"]
    session["cart"].append("in both")


def changed_deep_inside(session: Any) -> None:
    session["cart"][3]["count"] += 1
    session["places"].pop("place 7")


def format_with(session: Any) -> str:
    old_style = "%(cart)s"
    return old_style % session


def one_reached_for(session: Any) -> Any:
    return session["cart"][0], session["short"], session["name"]


def taken_apart(session: Any) -> None:
    while session:
        session.popitem()


def refused(do: Callable[[], Any]) -> None:
    with pytest.raises(KeyError):
        do()


class Key(str):
    """A key of a class of its own."""


EVERYTHING: dict[str, Callable[[Any], Any]] = {
    "[]": lambda s: s["cart"],
    "[] of a class of its own": lambda s: s[Key("cart")],
    "[] of what is not there": lambda s: refused(lambda: s["nothing"]),
    "get": lambda s: [s.get("cart"), s.get("places", 1), s.get("nothing"), s.get("nothing", 1)],
    "get of a class of its own": lambda s: s.get(Key("cart")),
    "setdefault": lambda s: [s.setdefault("cart", []), s.setdefault("new", [2])],
    "pop": lambda s: [s.pop("cart"), s.pop("nothing", 1), s.pop("nothing", None), s.pop("visits")],
    "pop of a class of its own": lambda s: s.pop(Key("cart")),
    "pop of what is not there": lambda s: refused(lambda: s.pop("nothing")),
    "popitem": lambda s: [s.popitem(), s.popitem()],
    "popitem of all": taken_apart,
    "items": lambda s: list(s.items()),
    "values": lambda s: list(s.values()),
    "keys": lambda s: [list(s.keys()), s.keys() & {"cart"}],
    "iteration": lambda s: [list(s), [*s], list(reversed(s)), sorted(s)],
    "len, in, bool": lambda s: [len(s), "cart" in s, bool(s)],
    "one reached for": one_reached_for,
    "dict()": lambda s: dict(s),
    "**": lambda s: [{**s}, (lambda **named: named)(**s)],
    "update of another": lambda s: (other := {}, other.update(s), other)[-1],
    "copy": lambda s: [plain(s.copy()), plain(copy.copy(s)), plain(copy.deepcopy(s))],
    "pickle": lambda s: plain(pickle.loads(pickle.dumps(s))),
    "==": lambda s: [s == DATA, s == 1],
    "== of a dict": lambda s: operator.eq(DATA, s),
    "!=": lambda s: [s != DATA, s != 1],
    "!= of a dict": lambda s: operator.ne(DATA, s),
    "|": lambda s: [plain(s | {"a": 1}), {"a": 1, "cart": 2} | s],
    "|=": lambda s: operator.ior(s, {"cart": 1}) and None,
    "json": lambda s: [json.dumps(s), json.dumps(s, indent=1, sort_keys=True)],
    "format": lambda s: [format_with(s), "{cart}".format_map(s), "{[cart]}".format(s)],  # noqa: UP032
    "itemgetter": lambda s: operator.itemgetter("cart", "name")(s),
    "ChainMap": lambda s: dict(collections.ChainMap({}, s)),
    "MappingProxyType": lambda s: types.MappingProxyType(s)["cart"],
    "OrderedDict": lambda s: list(collections.OrderedDict(s).items()),
    "match": matched,
    "eval": lambda s: eval("cart", {}, s),
    "Jinja": lambda s: jinja2.Template("{{ s.cart[1].item }} {{ s['places'] }}").render(s=s),
    "[]=": lambda s: s.__setitem__("cart", 1),
    "del": lambda s: s.__delitem__("cart"),
    "update": lambda s: s.update(cart=[], more={"a": 1}),
    "update with itself": lambda s: s.update(s),
    "clear": lambda s: s.clear(),
    "clear, and fill": lambda s: [s.clear(), s.update(cart=[1])],
    "deep inside": changed_deep_inside,
    "swapped": swapped,
    "moved": moved,
    "shared": shared,
}


def plain(value: Any) -> Any:
    """Without what the session is made with."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != "_permanent"}
    return value


@pytest.mark.parametrize("reached_for", [None, "name", "cart"])
@pytest.mark.parametrize("name", EVERYTHING)
def test_whatever_is_done_gives_what_a_dict_gives(
    visit: Visit, name: str, reached_for: str | None
) -> None:
    do = EVERYTHING[name]
    with visit.client.session_transaction() as opened:
        expected = copy.deepcopy(dict(opened))
    wanted = do(expected)
    found: list[Any] = []

    def handle(session: Any) -> None:
        if reached_for is not None:
            session.get(reached_for)
        found.append(copy.deepcopy(do(session)))
        assert list(plain(session)) == list(plain(expected))

    visit.request(handle)
    assert repr(found[0]) == repr(wanted)
    assert visit.read() == plain(expected)


def test_a_value_is_made_when_somebody_reaches_for_it(visit: Visit) -> None:
    def handle(session: Any) -> None:
        assert session["name"] == "ada" and session["short"] == [1]
        assert waiting(session) == ["cart", "places"]
        assert len(session) >= 5 and "cart" in session and list(session.keys())
        assert waiting(session) == ["cart", "places"]
        cart = session["cart"]
        assert waiting(session) == ["places"] and session["cart"] is cart
        assert session["places"] == PLACES
        # Nothing is left that waits: it is a dict like any other.
        assert type(session) is session_class(visit)

    visit.request(handle)


def session_class(visit: Visit) -> type[Any]:
    found: type[Any] = visit.app.session_interface.session_class  # type: ignore[attr-defined]
    return found


def test_what_nobody_reached_for_is_neither_written_nor_lost(visit: Visit) -> None:
    assert not visit.request(lambda session: session["name"])
    visit.request(lambda session: session.update(visits=4))
    assert visit.read() == DATA | {"visits": 4}


def test_what_another_request_makes_of_it_meanwhile_is_kept() -> None:
    visit = Visit(app_of("memory"))
    visit.write(copy.deepcopy(DATA))
    other = Visit(visit.app)
    other.client = visit.client

    def handle(session: Any) -> None:
        session["name"] = "grace"
        other.request(lambda there: there["cart"].append("another"))
        # This request goes on with what it has seen.
        assert session["cart"] == CART

    visit.request(handle)
    assert visit.read() == DATA | {"name": "grace", "cart": [*CART, "another"]}


def test_it_can_be_reached_for_after_the_session_was_saved(visit: Visit) -> None:
    seen: list[Any] = []
    # A cookie is not written twice.
    written = {} if visit.app.config["SESSION_TYPE"] == "cookie" else {"name": "grace"}

    def handle(session: Any) -> None:
        assert session["visits"] == 3
        dict.update(session, written)
        visit.app.session_interface.save_session(visit.app, session, visit.app.response_class())
        assert waiting(session) == ["cart", "places"]
        seen.append(session["cart"])

    visit.request(handle)
    assert seen == [CART]
    assert visit.read() == DATA | written


def test_threads_that_reach_for_a_value_at_once_have_the_same(visit: Visit) -> None:
    def handle(session: Any) -> None:
        session["name"]
        start = threading.Barrier(8)

        def reach(_: int) -> Any:
            start.wait()
            return session["cart"]

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(reach, range(8)))
        assert len({id(cart) for cart in found}) == 1 and found[0] is session["cart"]

    for _ in range(20):
        visit.request(handle)


def test_the_text_of_a_session_shows_all_values(visit: Visit) -> None:
    def handle(session: Any) -> None:
        assert "item number 19" in repr(session)

    visit.request(handle)
    visit.request(lambda session: "item number 19" in f"{session}" or pytest.fail())


def test_a_class_of_the_application_has_all_values_in_its_dict() -> None:
    class Mine(CookieSession):
        def cart(self) -> Any:
            return super().get("cart")

    app = app_of("cookie")
    app.session_interface.session_class = Mine  # type: ignore[attr-defined]
    visit = Visit(app)
    visit.write(copy.deepcopy(DATA))
    seen: list[Any] = []
    visit.request(lambda session: seen.append((session["name"], session.cart())))
    assert seen == [("ada", CART)]


def test_a_default_can_be_named(visit: Visit) -> None:
    def handle(session: Any) -> None:
        assert session.pop("nothing", default=1) == 1 and session.pop("cart", default=1) == CART
        assert waiting(session) == ["places"] and session.setdefault("places", default=1) == PLACES

    visit.request(handle)


def test_what_waits_is_not_written_as_text(visit: Visit) -> None:
    def handle(session: Any) -> None:
        session.get("name")
        # As an encoder in C does that looks into the dict, with `default=str`.
        with pytest.raises(TypeError, match=r"dict\(session\)"):
            str(dict.__getitem__(session, "cart"))

    visit.request(handle)


def test_what_waits_cannot_be_stored_in_another_place(visit: Visit) -> None:
    def handle(session: Any) -> None:
        session.get("name")
        session["taken"] = dict.__getitem__(session, "cart")

    with pytest.raises(TypeError, match="taken"):
        visit.request(handle)
    assert visit.read() == DATA
