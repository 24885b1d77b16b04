"""The Flask half: the same basket and the same login as the axum service beside it."""

import tomllib
from pathlib import Path

from flask import Flask, flash, redirect, render_template_string, request, session
from flask_dewar import Session

app = Flask(__name__)
# The file first, then FLASK_SESSION_REDIS and the like.
app.config.from_file(Path(__file__).with_name("sessions.toml"), load=tomllib.load, text=False)
app.config.from_prefixed_env()
Session(app)

PAGE = """\
<!doctype html>
<html lang="en">
<title>Flask</title>
<h1>Flask</h1>
{% for message in get_flashed_messages() %}<p><em>{{ message }}</em></p>{% endfor %}
{% if "user" in session %}
<p>Logged in as <strong>{{ session["user"] }}</strong>.</p>
<ul>{% for item in session.get("basket", []) %}<li>{{ item }}</li>{% endfor %}</ul>
<form method="post" action="/basket"><input name="item" aria-label="Item" required> <button>Add</button></form>
<form method="post" action="/logout"><button>Log out</button></form>
{% else %}
<form method="post" action="/login"><input name="name" aria-label="Name" required> <button>Log in</button></form>
{% endif %}
<p><a href="http://{{ host }}:3000/">The same session in axum</a></p>
"""


@app.get("/")
def home():
    host = request.host.partition(":")[0]
    return render_template_string(PAGE, host=host)


@app.post("/login")
def log_in():
    # A new id: one that somebody planted in this browser before is worth nothing now.
    app.session_interface.regenerate(session)
    session["user"] = request.form["name"]
    flash("Logged in by Flask.")
    return redirect("/")


@app.post("/basket")
def add():
    session.setdefault("basket", []).append(request.form["item"])
    return redirect("/")


@app.post("/logout")
def log_out():
    session.clear()
    return redirect("/")
