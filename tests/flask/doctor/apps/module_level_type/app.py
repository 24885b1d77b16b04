"""SESSION_TYPE is a name of the module, as in a settings file, but this is none."""

import os

from flask import Flask, session
from flask_session import Session

app = Flask(__name__)
SESSION_TYPE = "filesystem"
app.config.from_mapping(SECRET_KEY=os.environ.get("SECRET_KEY"))
sess = Session()


@app.get("/")
def index():
    session["seen"] = True
    return "seen"
