"""Random scripts of requests, the same for the same seed: configurations, what handlers do, what browsers send."""

import random
from typing import Any

import samples
from neutral import neutral

LIFETIME = 1000
KEYS = ["user", "cart", "a", "é", "_user_id"]
CATEGORIES = ["message", "info", "error"]
READS = [["keys"], ["is_permanent"], *(["get", key] for key in KEYS), *(["contains", key] for key in KEYS)]

#: What cookies can hold, and what every store can hold without losing a type.
COOKIE_VALUES = [value for session in samples.COOKIE.values() for value in session.values() if len(repr(value)) < 1500]
STORE_VALUES = [None, False, True, 0, -1, 2**53, 1.5, "", "ada", "é€😀", [], [1, ["x"], {"y": None}], {}, {"b": 1, "a": [2]}]


def cookie_settings(draw: random.Random) -> dict[str, Any]:
    """The cookie's name and attributes: any that browsers would not refuse."""
    settings: dict[str, Any] = {
        "SESSION_COOKIE_NAME": draw.choice(["session", "sid", "__Secure-id", "__Host-id"]),
        "SESSION_COOKIE_DOMAIN": draw.choice([None, "example.com", ".example.com", "example.com:5000"]),
        "SESSION_COOKIE_PATH": draw.choice([None, "/", "/shop", "/a b/ü"]),
        "APPLICATION_ROOT": draw.choice(["/", "/app"]),
        "SESSION_COOKIE_SECURE": draw.random() < 0.5,
        "SESSION_COOKIE_HTTPONLY": draw.random() < 0.7,
        "SESSION_COOKIE_SAMESITE": draw.choice([None, "Lax", "Strict", "None"]),
        "SESSION_COOKIE_PARTITIONED": draw.random() < 0.3,
    }
    if settings["SESSION_COOKIE_SAMESITE"] == "None" or settings["SESSION_COOKIE_NAME"].startswith("__"):
        settings["SESSION_COOKIE_SECURE"] = True
    if settings["SESSION_COOKIE_NAME"].startswith("__Host-"):
        settings |= {"SESSION_COOKIE_DOMAIN": None, "SESSION_COOKIE_PATH": "/"}
    return settings


def actions(draw: random.Random, values: list) -> list[list]:
    """What one handler does, with some of these values; one in six does not reach for its session."""
    if draw.random() < 1 / 6:
        return []
    done = [_action(draw, values) for _ in range(draw.randrange(1, 6))]
    # Messages are read before any is queued, as a page does; the other order has a test of its own.
    return [["flashes"], *done] if draw.random() < 0.3 else done


def _action(draw: random.Random, values: list) -> list:
    def value() -> list:
        return neutral(draw.choice(values))

    def key() -> str:
        return draw.choice(KEYS)

    kind = draw.randrange(14)
    if kind < 4:
        return draw.choice(READS)
    if kind < 7:
        return ["set", key(), value()]
    if kind < 9:
        return ["pop", key()]
    if kind == 9:
        return ["append", key(), value()]
    if kind == 10:
        return ["permanent", draw.random() < 0.7]
    if kind == 11:
        return ["flash", draw.choice(CATEGORIES), neutral(draw.choice(["Saved", "é", ""]))]
    if kind == 12:
        return ["clear"]
    return ["mark"]


def disturbed(draw: random.Random, cookie: str, name: str) -> str:
    """The `Cookie` header with something wrong in it, or something odd about it."""
    value = cookie.removeprefix(f"{name}=")
    at = draw.randrange(len(value))
    other = draw.choice(sorted(set("Az0-_.") - {value[at]}))
    return draw.choice(
        [
            f"{name}=",
            f"{name}={value[:-1]}",
            f"{name}={value[:at]}{other}{value[at + 1:]}",
            f"{name}={value[1:]}",
            f"{name}=x; {cookie}",
            f"{name}=; {cookie}",
            f"theme=dark; {cookie}; {name}=x",
            f'{name}="{value}"',
            f"x{cookie}",
        ]
    )
