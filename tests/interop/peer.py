"""Dewar, asked through the program `interop-peer`: a line of JSON there, a line of JSON back."""

import json
import subprocess
from typing import Any

import neutral


class Refused(Exception):
    """Dewar would not do it; the reason is the argument."""


class Peer:
    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def ask(self, op: str, **arguments: Any) -> Any:
        """The answer's `ok`; raises `Refused` with its `refused`."""
        print(json.dumps({"op": op, **arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, f"interop-peer ended with {self.process.wait()} at {op} {arguments}"
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["ok"]

    def seal(self, settings: dict, session: dict, now: int) -> str:
        return self.ask("cookie_seal", **settings, value=neutral.neutral(session), now=now)

    def open(self, settings: dict, cookie: str, now: int, max_age: int) -> list:
        """The session's neutral description."""
        return self.ask("cookie_open", **settings, cookie=cookie.encode().hex(), now=now, max_age=max_age)

    def encode(self, format: str, session: dict) -> bytes:
        return bytes.fromhex(self.ask("record_encode", format=format, value=neutral.neutral(session)))

    def decode(self, preferred: str, record: bytes) -> list:
        """The session's neutral description."""
        return self.ask("record_decode", preferred=preferred, record=record.hex())

    def close(self) -> None:
        """Lets the program end."""
        self.process.communicate(timeout=10)
