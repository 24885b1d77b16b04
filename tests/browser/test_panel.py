"""The panel: the session from the inside."""

import re


def test_it_shows_keys_and_values_with_their_types(visit, store):
    visitor = visit(store)
    assert visitor.held == {}
    visitor.add("Desk mug")
    visitor.add("Tea flask")
    visitor.log_in("Ada")
    held = visitor.held
    assert held["cart"] == ("list", "[2,3]")
    assert held["user"] == ("str", '"Ada"')
    assert set(held) <= {"cart", "user", "_permanent"}


def test_a_signed_cookie_is_taken_apart(visit):
    visitor = visit("cookie")
    visitor.log_in("Ada")
    visitor.open()
    value = visitor.cookie["value"]
    payload, timestamp, signature = value.rsplit(".", 2)
    assert visitor.one(".cookie").text == f"session={value}"
    assert visitor.one(".cookie .payload").text == payload
    assert visitor.one(".cookie .timestamp").text == timestamp
    assert visitor.one(".cookie .signature").text == signature
    assert '"user":"Ada"' in visitor.one(".parts pre").text
    assert re.search(r"just now|seconds? ago", visitor.one(".parts").text)


def test_an_id_is_shown_without_its_middle(visit):
    for store in ("memory", "filesystem"):
        visitor = visit(store)
        visitor.add("Desk mug")
        visitor.open()
        value = visitor.cookie["value"]
        assert visitor.one(".cookie").text == f"session={value[:6]}…{value[-4:]}"
        assert "43 characters, 256 random bits" in visitor.one("#session").text
        assert value not in visitor.driver.page_source


def test_it_says_what_was_decided_and_why(visit):
    visitor = visit("filesystem")
    visitor.add("Desk mug")
    visitor.log_in("Ada")
    visitor.log_out()
    decided = {request: (plan, why) for request, plan, why in visitor.decisions if request.startswith("POST")}
    assert decided["POST /cart/add"] == ("Create", "Why: it is new and has data.")
    assert decided["POST /login"] == ("Rotate", "Why: a new id was asked for.")
    assert decided["POST /logout"] == (
        "Restart",
        "Why: it was destroyed, and what was written afterwards starts a new one.",
    )


def test_a_page_that_changes_nothing_writes_nothing(visit, store):
    visitor = visit(store)
    visitor.add("Desk mug")
    visitor.driver.refresh()
    visitor.driver.refresh()
    request, plan, why = visitor.decisions[0]
    assert (request, plan) == ("GET /", "Nothing"), why
    assert "only read" in why


def test_it_explains_the_last_set_cookie(visit, store):
    visitor = visit(store)
    assert "None so far." in visitor.one("#session").text
    visitor.log_in("Ada", remember=True)
    attributes = visitor.texts(".attributes dt")
    assert {"HttpOnly", f"Path=/{store}", "SameSite=Lax", "no Secure"} <= set(attributes)
    assert any(attribute.startswith("Expires=") for attribute in attributes)
    visitor.log_out()
    assert "no Expires" in visitor.texts(".attributes dt")


def test_browsers_do_not_see_each_other_s_decisions(visit, shop):
    visitor = visit("memory")
    visitor.add("Desk mug")
    _, _, page = shop.request("GET", "/memory", Cookie="browser=made-up-made-up-made-up")
    assert "This is the first page that this browser asks for." in page
