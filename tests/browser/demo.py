"""The demo as a process: started in a folder of its own, on a port of its own."""

import http.client
import os
import pathlib
import re
import signal
import subprocess
import threading

ROOT = pathlib.Path(__file__).parents[2]


def binary():
    """The built demo: DEWAR_SHOP, or what cargo builds."""
    if given := os.environ.get("DEWAR_SHOP"):
        return pathlib.Path(given)
    if os.environ.get("CI") != "true":  # scripts/test has built it with the whole workspace
        subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "shop"], cwd=ROOT, check=True)
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "shop"


class Demo:
    """A running demo. `output` is all that it has written so far."""

    def __init__(self, program, folder, *options, checkout=2):
        self.folder = folder
        self.output = ""
        self._opened = threading.Event()
        self._process = subprocess.Popen(
            [program, "--port", "0", "--folder", folder, "--checkout", str(checkout), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # As a shell starts what runs in the background: only who asks for the signal of Ctrl-C gets it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._opened.wait(120), f"the demo did not start:\n{self.output}"
        self.url = re.search(r"http://127\.0\.0\.1:\d+", self.output)[0]

    def _read(self):
        for line in self._process.stdout:
            self.output += line
            if "Ctrl-C" in line:
                self._opened.set()
        self._opened.set()

    def stop(self):
        """Ends it as Ctrl-C does; its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        code = self._process.wait(timeout=120)
        self._reader.join(timeout=120)
        self._process.stdout.close()
        return code

    def request(self, method, path, body=None, **headers):
        """A request without a browser: status, headers and text."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=120)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text
