#!/usr/bin/env python3
"""Makes the golden files in this folder with the original libraries, at a frozen time.

    .cache/venv/bin/python vectors/make.py            writes them
    .cache/venv/bin/python vectors/make.py --check    makes them again and compares

Values are described as in tests/interop/neutral.py; bytes are hex.
"""

import hashlib
import json
import os
import pathlib
import pickle
import shutil
import sys
import tempfile
from typing import Any

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "interop"))

import cachelib  # noqa: E402
import originals  # noqa: E402
import samples  # noqa: E402
from neutral import native, neutral  # noqa: E402
from originals import DERIVATIONS, DIGESTS, NOW, RECORDS, Signing  # noqa: E402


def cookies() -> list[dict]:
    """Flask's signed cookies: every type, then every digest, key derivation and kind of key."""
    made = [_cookie(Signing("a secret key"), name, session) for name, session in samples.COOKIE.items()]
    for digest in DIGESTS:
        for derivation in DERIVATIONS:
            for key in ["k", "ключ", b"\x00\xff" * 70]:
                signing = Signing(key, digest=digest, derivation=derivation)
                made.append(_cookie(signing, f"{digest} {derivation}", {"user": 42}))
    return made


def _cookie(signing: Signing, name: str, session: dict) -> dict:
    cookie = signing.seal(session)
    return {
        "name": name,
        **signing.settings,
        "issued": NOW,
        "cookie": cookie,
        "text": signing.text(session).decode(),
        "written": neutral(session),
        "read": neutral(signing.open(cookie)),
    }


def records() -> list[dict]:
    """Flask-Session's records, and the pickles of those before 0.7."""
    made = []
    for name, session in {**samples.COOKIE, **samples.RECORD}.items():
        if name in samples.LARGE:
            continue
        # Without offsets from UTC, which Dewar does not keep.
        session = native(neutral(session))
        if samples.storable(session):
            for format, serializer in RECORDS.items():
                record = serializer.encode(session)
                made.append(_record(format, name, record, session, serializer.decode(record)))
    return made


def pickles() -> list[dict]:
    """Pickled sessions by every protocol."""
    made = []
    for name, session in {**samples.COOKIE, **samples.RECORD}.items():
        if name not in samples.LARGE | {"compressed", "sizes"}:
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                record = pickle.dumps(session, protocol)
                made.append(_record(f"pickle {protocol}", name, record, session, session))
    return made


def _record(format: str, name: str, record: bytes, written: dict, read: dict) -> dict:
    return {"format": format, "name": name, "record": record.hex(), "written": neutral(written), "read": neutral(read)}


#: Store key → session and seconds to live (0: for ever).
CACHED = {
    "session:0123456789abcdefghijklmnopqrstuvwxyzABCDEFG": ({"_permanent": True, "user": "ada", "cart": [1, 2]}, 31 * 24 * 3600),
    "session:2f1a0c0e-7c2b-4a57-9d0e-0d7a3f0c1b2a": ({"_permanent": True, "n": 2**70, "t": (1, "é"), "b": b"\xff"}, 60),
    "session:for-ever-and-ever-and-ever-and-ever-and-ever": ({"v": None}, 0),
    "other:xyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzxyzx": ({"_permanent": False}, 1),
}


def cachelib_folders(target: pathlib.Path) -> list[dict]:
    """Folders as cachelib leaves them, with md5 names (up to 0.15.4) and sha256 names (from 0.16.0)."""
    originals.clock.now = NOW
    made = []
    for algorithm in ["md5", "sha256"]:
        folder = target / "cachelib" / algorithm
        cache = cachelib.FileSystemCache(str(folder), hash_method=getattr(hashlib, algorithm))
        for key, (session, lifetime) in CACHED.items():
            cache.set(key, session, timeout=lifetime)
            file = getattr(hashlib, algorithm)(key.encode()).hexdigest()
            assert (folder / file).exists()
            expires = NOW + lifetime if lifetime else None
            made.append({"folder": f"cachelib/{algorithm}", "key": key, "file": file, "expires": expires, "read": neutral(session)})
    return made


def make(target: pathlib.Path) -> None:
    for name, content in {
        "cookies.json": cookies(),
        "records.json": records(),
        "pickles.json": pickles(),
        "cachelib.json": cachelib_folders(target),
    }.items():
        lines = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in content)
        (target / name).write_text(f"[\n{lines}\n]\n")


def check(target: pathlib.Path) -> bool:
    """Whether the files here say what those in `target` say; prints what passed and failed."""
    made = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    kept = {path.relative_to(HERE) for path in HERE.rglob("*") if path.is_file() and path.suffix in {".json", ""}}
    failed = 0
    for path in sorted(made | kept):
        here, there = HERE / path, target / path
        if not here.exists() or not there.exists() or not _same(here, there):
            print(f"vectors/{path} is not what the original libraries make")
            failed += 1
    print(f"{len(made | kept) - failed} passed, {failed} failed")
    return not failed


def _same(here: pathlib.Path, there: pathlib.Path) -> bool:
    if here.suffix != ".json":
        return here.read_bytes() == there.read_bytes()
    return [_stable(entry) for entry in json.loads(here.read_text())] == [_stable(entry) for entry in json.loads(there.read_text())]


def _stable(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry without what depends on the version of zlib: the bytes of a compressed cookie, whose text is beside it."""
    if entry.get("cookie", "").startswith("."):
        return {**entry, "cookie": "compressed"}
    return entry


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder)
        make(target)
        if "--check" in sys.argv:
            return 0 if check(target) else 1
        shutil.rmtree(HERE / "cachelib", ignore_errors=True)
        shutil.copytree(target, HERE, dirs_exist_ok=True)
        for path in (HERE / "cachelib").rglob("*"):
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
