"""SECRET_KEY is a name of the module and never reaches the configuration."""

import os

from flask import Flask, session

SECRET_KEY = os.urandom(32)

app = Flask(__name__)


@app.get("/")
def index():
    session["seen"] = True
    return "seen"
