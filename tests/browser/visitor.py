"""A visitor: Chromium, by what a person sees in the shop's page."""

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1340,1100",
]


def chromium(javascript=True):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for option in OPTIONS:
        options.add_argument(option)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


class Visitor:
    def __init__(self, driver, url, store):
        self.driver = driver
        self.url = url
        self.store = store

    def open(self, store=None):
        self.store = store or self.store
        self.driver.get(f"{self.url}/{self.store}")
        return self

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return [element.text for element in self.all(selector)]

    def press(self, selector):
        """Presses a button and waits for the page that answers."""
        before = self.one("html")
        self.one(selector).click()
        WebDriverWait(self.driver, 120).until(lambda _: self._left(before))

    def _left(self, page):
        try:
            page.is_enabled()
            return False
        except WebDriverException:  # the page is gone, or on its way out
            return bool(self.all("#shop"))

    # What a person does

    def add(self, product):
        self.press(f'button[aria-label="Add to cart: {product}"]')

    def log_in(self, name, remember=False):
        self.one("#name").send_keys(name)
        if remember:
            self.one("input[name=remember]").click()
        self.press(".account button")

    def log_out(self):
        self.press(".account button")

    def check_out(self):
        self.press(".checkout button")

    def check_out_and_move_to_a_second_tab(self):
        """Presses the button and, while the first tab waits for the answer, goes on in a second one."""
        self.driver.execute_script("window.open(location.href)")
        self.tab(1)
        WebDriverWait(self.driver, 120).until(lambda _: self.all("#session .parts"))
        # From here, because WebDriver itself would wait for the answer.
        self.driver.execute_script("opener.document.querySelector('.checkout button').click()")
        if self.store != "cookie":
            # The cart is taken when it begins; a cookie has gone on its way with the request.
            WebDriverWait(self.driver, 120).until(lambda _: self.open().cart == {})

    def new_tab(self):
        self.driver.switch_to.new_window("tab")
        return self.open()

    def tab(self, number):
        self.driver.switch_to.window(self.driver.window_handles[number])

    # What a person sees

    @property
    def name(self):
        """Whom the page greets; None if nobody is logged in."""
        return next(iter(self.texts(".account .who strong")), None)

    @property
    def cart(self):
        names = self.texts(".line .name")
        return dict(zip(names, map(int, self.texts(".line .number")), strict=True))

    @property
    def flashes(self):
        return [(flash.get_attribute("class").split()[-1], flash.text) for flash in self.all(".flash")]

    @property
    def held(self):
        """What the panel says that the session holds: {key: (type, text)}."""
        return {
            row.find_element(By.CSS_SELECTOR, ".key").text: (
                row.find_element(By.CSS_SELECTOR, ".kind").text,
                row.find_element(By.CSS_SELECTOR, "dd").text,
            )
            for row in self.all(".held > div")
        }

    @property
    def decisions(self):
        """What the panel says was decided, latest first: (request, plan, reason)."""
        rows = []
        for row in self.all(".decisions li"):
            request = row.find_element(By.CSS_SELECTOR, ".request code").text
            plan = row.find_element(By.CSS_SELECTOR, ".badge").text
            rows.append((request, plan, row.find_element(By.CSS_SELECTOR, ".why").text))
        return rows

    def wait_for_decision(self, request):
        """Waits until this tab shows a page that was made after `request` was done."""
        done = lambda _: any(row[0] == request for row in self.decisions)  # noqa: E731
        WebDriverWait(self.driver, 120, ignored_exceptions=[StaleElementReferenceException]).until(done)

    @property
    def cookie(self):
        """The session's cookie as the browser has it; None if there is none."""
        return self.driver.get_cookie("session")
