"""Sessions over a client of the application: a carrier moves the bytes, the engine does the rest."""

from __future__ import annotations

import threading
import time

import flask_dewar
import pytest
from shops import shop


class DictCarrier:
    """Records in a dict, as `flask_dewar.carriers` describe it."""

    name = "a dict"

    def __init__(self) -> None:
        self.records: dict[str, tuple[bytes, float]] = {}
        self.lock = threading.Lock()
        self.broken = False

    def live(self, key: str) -> bytes | None:
        if self.broken:
            raise ConnectionError(f"nobody answers about {key}")
        data, expires = self.records.get(key, (None, 0.0))
        return data if expires > time.time() else None

    def load(self, key: str) -> tuple[bytes, object] | None:
        with self.lock:
            data = self.live(key)
            return None if data is None else (data, data)

    def create(self, key: str, data: bytes, expires: float) -> bool:
        with self.lock:
            if self.live(key) is not None:
                return False
            self.records[key] = (data, expires)
            return True

    def replace(
        self, key: str, data: bytes, expires: float, token: object
    ) -> tuple[str, object | None]:
        with self.lock:
            found = self.live(key)
            if found is None:
                return "gone", None
            if found != token:
                return "conflict", None
            self.records[key] = (data, expires)
            return "done", data

    def touch(self, key: str, expires: float) -> bool:
        with self.lock:
            found = self.live(key)
            if found is not None:
                self.records[key] = (found, expires)
            return found is not None

    def delete(self, key: str) -> None:
        with self.lock:
            self.records.pop(key, None)

    def delete_unchanged(self, key: str, token: object) -> str:
        with self.lock:
            found = self.live(key)
            if found is None:
                return "gone"
            if found != token:
                return "conflict"
            del self.records[key]
            return "done"

    def delete_expired(self, now: float, limit: int) -> tuple[int, bool]:
        with self.lock:
            expired = [key for key, (_, expires) in self.records.items() if expires <= now][:limit]
            for key in expired:
                del self.records[key]
            return len(expired), len(expired) == limit

    def list(
        self, prefix: str, cursor: str | None, limit: int
    ) -> tuple[list[tuple[str, int, float | None]], str | None] | None:
        found = [(key, len(data), at) for key, (data, at) in self.records.items()]
        return [entry for entry in found if entry[0].startswith(prefix)], None


def test_the_carrier_holds_what_the_session_is() -> None:
    carrier = DictCarrier()
    client = shop({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": carrier}).test_client()
    client.get("/set/name/ada")
    client.get("/append/cart/apple")
    assert client.get("/get/cart").text == "['apple']"
    ((key, (data, expires)),) = carrier.records.items()
    sid = client.get_cookie("session")
    assert sid is not None and key == f"session:{sid.value}" and expires > time.time() + 86_400
    found = flask_dewar._native.decode(data, "msgpack")
    assert found == {"_permanent": True, "name": "ada", "cart": ["apple"]}
    client.get("/regenerate")
    assert list(carrier.records) != [key] and len(carrier.records) == 1
    client.get("/clear")
    assert carrier.records == {}


def test_a_conflict_is_merged_key_by_key() -> None:
    carrier = DictCarrier()
    app = shop({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": carrier})
    client, other = app.test_client(), app.test_client()
    client.get("/append/cart/start")
    sid = client.get_cookie("session")
    assert sid is not None
    other.set_cookie("session", sid.value)
    with client.session_transaction() as session:
        session["mine"] = 1
        session["cart"].append("mine")
        other.get("/set/theirs/2")
        other.get("/append/cart/theirs")
        other.get("/flash/theirs")
        session["_flashes"] = [("note", "mine")]
    assert client.get("/flashes").json == [["note", "theirs"], ["note", "mine"]]
    assert client.get("/all").json == {
        "_permanent": True,
        "cart": ["start", "theirs", "mine"],
        "mine": 1,
        "theirs": "2",
    }


def test_expired_records_are_removed_in_steps() -> None:
    carrier = DictCarrier()
    app = shop({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": carrier})
    carrier.records = {f"session:{number}": (b"", 1.0) for number in range(2500)}
    assert app.session_interface.delete_expired_sessions() == 2500  # type: ignore[attr-defined]
    assert app.session_interface.store.list("session:", None, 10) == ([], None)  # type: ignore[attr-defined]


def test_what_a_client_raises_is_told_without_what_it_says() -> None:
    carrier = DictCarrier()
    app = shop({"SESSION_TYPE": "cachelib", "SESSION_CACHELIB": carrier, "TESTING": True})
    client = app.test_client()
    client.get("/set/name/ada")
    carrier.broken = True
    with pytest.raises(
        flask_dewar.StoreError, match=r"a dict: load raised ConnectionError"
    ) as caught:
        client.get("/get/name")
    assert "session:" not in str(caught.value)
    assert client.get("/nothing").status_code == 200
