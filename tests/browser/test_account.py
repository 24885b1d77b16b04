"""Logging in and out, and what becomes of the cookie."""

import time

import pytest

SERVER_SIDE = ["memory", "filesystem"]


def test_logging_in_keeps_the_cart_and_changes_the_cookie(visit, store):
    visitor = visit(store)
    visitor.add("Desk mug")
    before = visitor.cookie["value"]
    visitor.log_in("Ada")
    assert visitor.name == "Ada"
    assert visitor.cart == {"Desk mug": 1}
    assert visitor.cookie["value"] != before


@pytest.mark.parametrize("store", SERVER_SIDE)
def test_the_id_from_before_the_login_is_worth_nothing(visit, shop, store):
    visitor = visit(store)
    visitor.add("Desk mug")
    before = visitor.cookie["value"]
    visitor.log_in("Ada")
    _, _, page = shop.request("GET", f"/{store}", Cookie=f"session={before}")
    assert "Logged in as" not in page
    assert "Nothing in it yet." in page
    _, _, page = shop.request("GET", f"/{store}", Cookie=f"session={visitor.cookie['value']}")
    assert "Logged in as" in page


@pytest.mark.parametrize("store", SERVER_SIDE)
def test_an_id_that_somebody_made_up_is_not_taken_over(visit, shop, store):
    planted = "planted-planted-planted-planted-planted-pla"
    status, headers, _ = shop.request("POST", f"/{store}/cart/add", "product=1", Cookie=f"session={planted}")
    assert status == 303
    cookies = [value for value in headers.get_all("Set-Cookie") if value.startswith("session=")]
    assert len(cookies) == 1 and planted not in cookies[0]


def test_remember_me_gives_the_cookie_an_expiry(visit, store):
    visitor = visit(store)
    visitor.log_in("Ada", remember=True)
    days = (visitor.cookie["expiry"] - time.time()) / 86_400
    assert 30 < days < 32
    assert visitor.held["_permanent"] == ("bool", "true")


def test_otherwise_the_cookie_ends_with_the_browser(visit, store):
    visitor = visit(store)
    visitor.log_in("Ada")
    assert "expiry" not in visitor.cookie


def test_the_cookie_is_for_this_shop_and_not_for_scripts_or_other_sites(visit, store):
    visitor = visit(store)
    visitor.log_in("Ada")
    cookie = visitor.cookie
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", f"/{store}")


def test_logging_out_ends_the_session_and_says_goodbye(visit, store):
    visitor = visit(store)
    visitor.log_in("Ada", remember=True)
    visitor.add("Desk mug")
    visitor.log_out()
    assert visitor.name is None
    assert visitor.cart == {}
    assert visitor.flashes == [("info", "Goodbye, Ada.")]
    visitor.driver.refresh()
    assert visitor.flashes == []
    # The farewell was all that there was to keep.
    assert visitor.cookie is None


@pytest.mark.parametrize("store", SERVER_SIDE)
def test_after_a_logout_the_old_cookie_is_worth_nothing(visit, shop, store):
    visitor = visit(store)
    visitor.log_in("Ada")
    before = visitor.cookie["value"]
    visitor.log_out()
    _, _, page = shop.request("GET", f"/{store}", Cookie=f"session={before}")
    assert "Logged in as" not in page


def log_out(visitor):
    assert visitor.name == "Ada"
    visitor.log_out()
    assert visitor.name is None


@pytest.mark.parametrize("store", SERVER_SIDE)
def test_a_logout_in_a_second_tab_stays_final_while_a_slow_request_is_open(during_a_checkout, shop, store):
    visitor = during_a_checkout(store, log_out)
    request, plan, why = next(row for row in visitor.decisions if row[0] == "POST /checkout")
    assert (plan, why) == ("Nothing", "Why: another request ended it meanwhile, so nothing is written.")
    assert visitor.name is None
    visitor.open()
    assert visitor.name is None
    assert visitor.texts(".orders li") == []
    if store == "filesystem":
        assert records(shop) == []


def test_a_signed_cookie_has_no_place_where_the_logout_could_be_noted(during_a_checkout):
    """What holds for a session that is kept in the cookie, as in Flask; the page says so beside the button."""
    visitor = during_a_checkout("cookie", log_out)
    assert visitor.name == "Ada"
    visitor.log_out()
    assert visitor.name is None


def records(shop):
    """The files of sessions on disk."""
    return [path for path in (shop.folder / "sessions").rglob("*") if path.is_file() and len(path.name) >= 32]
