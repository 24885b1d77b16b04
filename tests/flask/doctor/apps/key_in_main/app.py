"""The key is set only when the file is run as a program."""

import os

from flask import Flask, session

app = Flask(__name__)


@app.get("/")
def index():
    session["seen"] = True
    return "seen"


if __name__ == "__main__":
    app.secret_key = os.urandom(32)
    app.run(port=int(os.environ["PORT"]))
