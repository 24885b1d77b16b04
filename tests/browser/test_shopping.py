"""Filling the cart and buying, in each of the three shops."""

import threading

import pytest


def test_what_is_put_into_the_cart_is_there_on_every_page_and_in_every_tab(visit, store):
    visitor = visit(store)
    visitor.add("Tea flask")
    visitor.add("Desk mug")
    visitor.add("Tea flask")
    assert visitor.cart == {"Tea flask": 2, "Desk mug": 1}
    visitor.driver.refresh()
    assert visitor.cart == {"Tea flask": 2, "Desk mug": 1}
    visitor.new_tab()
    assert visitor.cart == {"Tea flask": 2, "Desk mug": 1}


def test_quantities_change_and_products_go(visit, store):
    visitor = visit(store)
    visitor.add("Soup jar")
    visitor.press('button[aria-label="One more: Soup jar"]')
    visitor.press('button[aria-label="One more: Soup jar"]')
    visitor.press('button[aria-label="One less: Soup jar"]')
    visitor.add("Cork stopper")
    assert visitor.cart == {"Soup jar": 2, "Cork stopper": 1}
    assert visitor.one(".total strong").text == "€64.50"
    visitor.press('button[aria-label="Remove: Soup jar"]')
    visitor.press('button[aria-label="One less: Cork stopper"]')
    assert visitor.cart == {}


def test_an_order_empties_the_cart_and_is_remembered(visit, store):
    visitor = visit(store)
    visitor.log_in("Ada")
    visitor.add("Laboratory dewar")
    visitor.add("Cork stopper")
    visitor.check_out()
    assert visitor.flashes == [("success", "Thank you! Order 1 is on its way.")]
    assert visitor.cart == {}
    assert visitor.texts(".orders li") == ["Order 1\n2 pieces\n€95.50"]


def test_without_a_login_there_is_no_checkout(visit):
    visitor = visit()
    visitor.add("Desk mug")
    assert visitor.all(".checkout") == []
    assert "to check out" in visitor.one(".cart .note").text


def test_a_flash_is_shown_once_and_in_its_category(visit, store):
    visitor = visit(store)
    visitor.add("Desk mug")
    assert visitor.flashes == [("success", "Desk mug is in your cart.")]
    visitor.driver.refresh()
    assert visitor.flashes == []


def test_reloading_after_a_form_does_not_send_it_again(visit):
    visitor = visit()
    visitor.add("Desk mug")
    visitor.driver.refresh()
    visitor.driver.refresh()
    assert visitor.cart == {"Desk mug": 1}


def test_the_switch_leads_to_three_shops_that_keep_their_own_sessions(visit):
    visitor = visit("filesystem")
    visitor.add("Desk mug")
    for number, title in enumerate(["Signed cookie", "Memory", "Filesystem"]):
        visitor.press(f".switch li:nth-child({number + 1}) a")
        assert visitor.one(".switch [aria-current]").text == title
        assert visitor.cart == ({"Desk mug": 1} if title == "Filesystem" else {})


def test_a_name_is_text_and_never_markup(visit):
    visitor = visit()
    visitor.log_in('<b id="planted">&amp;</b>')
    assert visitor.name == '<b id="planted">&amp;</b>'
    assert visitor.all("#planted") == []


def test_everything_works_without_javascript(visit, store):
    visitor = visit(store, javascript=False)
    visitor.driver.get("data:text/html,<p id=p>off</p><script>document.getElementById('p').textContent='on'</script>")
    assert visitor.one("#p").text == "off", "this browser runs scripts, so the test would prove nothing"
    visitor.open()
    visitor.log_in("Ada", remember=True)
    visitor.add("Trail flask")
    visitor.check_out()
    assert visitor.flashes == [("success", "Thank you! Order 1 is on its way.")]
    visitor.log_out()
    assert visitor.name is None


@pytest.mark.parametrize("store", ["memory", "filesystem"])
def test_two_windows_that_add_to_the_cart_at_once_lose_nothing(visit, shop, store):
    visitor = visit(store)
    visitor.add("Desk mug")
    cookie = f"session={visitor.cookie['value']}"
    together = threading.Barrier(2)
    statuses = []

    def window(product):
        for _ in range(20):
            together.wait(120)
            statuses.append(shop.request("POST", f"/{store}/cart/add", f"product={product}", Cookie=cookie)[0])

    windows = [threading.Thread(target=window, args=[product]) for product in (3, 4)]
    for thread in windows:
        thread.start()
    for thread in windows:
        thread.join()
    assert statuses == [303] * 40
    visitor.open()
    assert visitor.cart == {"Desk mug": 1, "Tea flask": 20, "Soup jar": 20}


@pytest.mark.parametrize("store", ["memory", "filesystem"])
def test_what_a_second_window_adds_during_a_slow_checkout_stays_in_the_cart(during_a_checkout, store):
    visitor = during_a_checkout(store, lambda visitor: visitor.add("Tea flask"))
    visitor.open()
    assert visitor.cart == {"Tea flask": 1}
    assert visitor.texts(".orders li") == ["Order 1\n1 piece\n€24.00"]
    assert "Merged with what other requests wrote meanwhile" in visitor.one("#session").text
