"""The key is another one in each process."""

import os

from flask import Flask, session

app = Flask(__name__)
app.config["SECRET_KEY"] = os.urandom(32)


@app.get("/")
def index():
    session["seen"] = True
    return "seen"
