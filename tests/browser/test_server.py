"""The program itself: restart, secret key, headers, messages."""

import os
import socket
import stat
import subprocess

from visitor import Visitor


def test_a_restart_keeps_filesystem_and_cookie_sessions(visit, start, shop):
    visitor = visit("filesystem")
    visitor.add("Tea flask")
    visitor.log_in("Ada")
    visitor.open("cookie")
    visitor.log_in("Grace")
    visitor.open("memory")
    visitor.log_in("Edsger")
    assert shop.stop() == 0
    assert "Stopped." in shop.output

    # The cookies do not depend on the port.
    again = Visitor(visitor.driver, start().url, "filesystem").open()
    assert (again.name, again.cart) == ("Ada", {"Tea flask": 1})
    assert again.open("cookie").name == "Grace"
    assert again.open("memory").name is None


def test_the_secret_key_is_made_once_and_readable_by_its_owner_alone(start):
    first = start()
    path = first.folder / "secret-key"
    key = path.read_bytes()
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in first.output
    first.stop()
    start()
    assert path.read_bytes() == key


def test_the_address_without_a_path_leads_to_the_chosen_shop(start):
    for store in ("cookie", "memory", "filesystem"):
        status, headers, _ = start("--store", store).request("GET", "/")
        assert (status, headers["Location"]) == (303, f"/{store}")


def test_the_log_never_holds_a_cookie_an_id_or_a_value(visit, shop, store):
    visitor = visit(store)
    seen = set()
    for step in (lambda: visitor.add("Desk mug"), lambda: visitor.log_in("Ada-Lovelace")):
        step()
        seen.add(visitor.cookie["value"])
    visitor.log_out()
    shop.request("GET", f"/{store}", Cookie="session=forged-forged-forged-forged-forged")
    shop.stop()
    assert all(value not in shop.output for value in seen | {"forged-forged", "Ada-Lovelace"})


def test_pages_run_no_scripts_and_are_not_cached(shop, store):
    _, headers, page = shop.request("GET", f"/{store}")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "Cookie" in headers["Vary"]
    assert "<script" not in page and " style=" not in page


def test_forms_of_other_sites_and_other_ports_are_refused(shop):
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "http://127.0.0.1:1"}):
        status, _, _ = shop.request("POST", "/filesystem/login", "name=Ada", **headers)
        assert status == 403
    assert shop.request("POST", "/filesystem/login", "name=Ada", Origin=shop.url)[0] == 303


def test_an_address_that_leads_nowhere_is_a_404_with_a_way_back(shop):
    status, _, page = shop.request("GET", "/nowhere")
    assert status == 404
    assert 'href="/filesystem"' in page


def failed_start(program, *options):
    done = subprocess.run([program, *options], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.startswith("The shop cannot start: ")
    return done.stderr


def test_what_keeps_it_from_starting_is_said_with_a_way_out(program, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = failed_start(program, "--folder", tmp_path / "shop", "--port", port)
        assert f"127.0.0.1:{port}" in message and "hint: choose another port" in message

    occupied = tmp_path / "a file"
    occupied.write_text("")
    assert "hint: choose another one with --folder" in failed_start(program, "--folder", occupied, "--port", "0")

    (tmp_path / "short").mkdir()
    (tmp_path / "short" / "secret-key").write_bytes(b"short")
    message = failed_start(program, "--folder", tmp_path / "short", "--port", "0")
    assert "too short" in message and os.fspath(tmp_path / "short" / "secret-key") in message

    assert "cookie, memory or filesystem" in failed_start(program, "--store", "redis")
