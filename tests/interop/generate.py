"""Random sessions: Hypothesis strategies for shapes and types, a seeded generator for sizes."""

import datetime
import random
from typing import Any

from hypothesis import strategies as st
from markupsafe import Markup

import samples

any_text = st.text(st.characters(exclude_categories=()), max_size=30)
sound_text = st.text(max_size=30)
tag_like = st.sampled_from([" t", " b", " m", " u", " d", " di", " t__", " x", "t", "_permanent", "_flashes", "_user_id"])

integers = st.integers(-(2**63), 2**63 - 1)
huge_integers = st.integers(-(10**60), 10**60)
floats = st.floats(allow_nan=False) | st.just(float("nan")) | st.sampled_from([float(f"{sign}1e{power}") for sign in "+-" for power in range(-10, 25)])
aware_datetimes = st.datetimes(
    datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30), timezones=st.just(datetime.timezone.utc)
)
#: Of years whose number has four digits: Flask writes the others in a form that it does not read.
naive_datetimes = st.datetimes(datetime.datetime(1000, 1, 1), datetime.datetime(9999, 12, 30))

plain = st.none() | st.booleans() | integers | floats
cookie_scalars = (
    plain | huge_integers | any_text | st.binary(max_size=40) | st.uuids() | any_text.map(Markup) | naive_datetimes
    | aware_datetimes.filter(lambda value: value.year >= 1000)
)
record_scalars = (
    plain | sound_text | st.integers(0, 2**64 - 1) | st.binary(max_size=40) | st.uuids() | st.decimals() | st.dates()
    | st.times() | aware_datetimes | st.datetimes() | st.timedeltas(datetime.timedelta(days=-100000), datetime.timedelta(days=100000))
)
hashable = st.none() | st.booleans() | integers | sound_text


def nested(scalars: st.SearchStrategy, keys: st.SearchStrategy, sets: st.SearchStrategy | None = None) -> st.SearchStrategy:
    def containers(children: st.SearchStrategy) -> st.SearchStrategy:
        made = (
            st.lists(children, max_size=5)
            | st.lists(children, max_size=4).map(tuple)
            | st.dictionaries(keys, children, max_size=5)
            | st.dictionaries(tag_like, children, min_size=1, max_size=1)
        )
        return made if sets is None else made | sets

    return st.recursive(scalars, containers, max_leaves=12)


def sessions(values: st.SearchStrategy, keys: st.SearchStrategy) -> st.SearchStrategy:
    return st.dictionaries(keys | tag_like, values, max_size=6)


cookie_sessions = sessions(nested(cookie_scalars, any_text), any_text)
#: Sets of one value, because two processes need not agree on the order of more.
record_sessions = sessions(nested(record_scalars, sound_text, st.frozensets(hashable, max_size=1)), sound_text)


def sized_session(seed: int, size: int) -> dict[str, Any]:
    """A session whose JSON has about `size` bytes, between what compresses well and what does not."""
    draw = random.Random(seed)
    session: dict[str, Any] = {}
    length = 0
    while length < size:
        kind = draw.randrange(4)
        if kind == 0:
            value: Any = draw.randbytes(draw.randrange(200))
        elif kind == 1:
            value = "".join(draw.choices("abc é€😀\"\\\n", k=draw.randrange(300)))
        elif kind == 2:
            value = [draw.randrange(-(2**40), 2**40) for _ in range(draw.randrange(30))]
        else:
            value = [draw.choice(list(samples.COOKIE.values()))]
        session[f"key {draw.randrange(10**6)}"] = value
        length += len(repr(value)) + 15
    return session
