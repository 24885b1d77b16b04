import pytest

import demo
from visitor import Visitor, chromium


@pytest.fixture(scope="session")
def program():
    return demo.binary()


@pytest.fixture
def start(program, tmp_path):
    """Starts demos that end with the test; all on one folder."""
    running = []

    def start(*options, **settings):
        running.append(demo.Demo(program, tmp_path / "shop", *options, **settings))
        return running[-1]

    yield start
    for shop in running:
        shop.stop()


@pytest.fixture
def shop(start):
    return start()


@pytest.fixture(params=["cookie", "memory", "filesystem"])
def store(request):
    return request.param


@pytest.fixture(scope="session")
def browsers():
    """One Chromium with scripts and one without, started when first asked for."""
    open_browsers = {}

    def browser(javascript):
        if javascript not in open_browsers:
            open_browsers[javascript] = chromium(javascript)
        return open_browsers[javascript]

    yield browser
    for driver in open_browsers.values():
        driver.quit()


@pytest.fixture
def visit(browsers, shop):
    """Opens the shop as a visitor who was never there."""

    def visit(store="filesystem", javascript=True, at=shop):
        driver = browsers(javascript)
        for handle in driver.window_handles[1:]:
            driver.switch_to.window(handle)
            driver.close()
        driver.switch_to.window(driver.window_handles[0])
        driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        return Visitor(driver, at.url, store).open()

    return visit


@pytest.fixture
def during_a_checkout(visit, start):
    """Has a visitor check out a mug, and do something in a second tab before that is done; back in the first tab when it is.

    How long a checkout takes is told to the demo when it starts: where the visitor was too slow, another one tries a longer one.
    """

    def during_a_checkout(store, do):
        for seconds in (2, 15, 60):
            visitor = visit(store, at=start(checkout=seconds))
            visitor.log_in("Ada")
            visitor.add("Desk mug")
            visitor.check_out_and_move_to_a_second_tab()
            do(visitor)
            if all(request != "POST /checkout" for request, *_ in visitor.decisions):
                visitor.tab(0)
                visitor.wait_for_decision("POST /checkout")
                return visitor
        raise AssertionError(f"the second tab took longer than {seconds} seconds")

    return during_a_checkout
