"""Makes docs/images/shop.png, the picture in the README:  python tests/browser/picture.py [--dark] [WIDTH HEIGHT FILE]"""

import pathlib
import sys
import tempfile

import demo
from visitor import Visitor, chromium

arguments = [argument for argument in sys.argv[1:] if argument != "--dark"]
width, height, file = arguments or (1340, 1010, demo.ROOT / "docs/images/shop.png")

with tempfile.TemporaryDirectory() as folder:
    shop = demo.Demo(demo.binary(), pathlib.Path(folder) / "shop")
    driver = chromium()
    scheme = "dark" if "--dark" in sys.argv else "light"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": int(width), "height": int(height), "deviceScaleFactor": 1, "mobile": False},
    )
    driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    try:
        visitor = Visitor(driver, shop.url, "filesystem").open()
        visitor.add("Trail flask")
        visitor.add("Tea flask")
        visitor.log_in("Ada", remember=True)
        visitor.add("Laboratory dewar")
        driver.save_screenshot(str(file))
    finally:
        driver.quit()
        shop.stop()
