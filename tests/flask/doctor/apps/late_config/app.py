"""The type is set after the application was given to Session."""

import os

from flask import Flask
from flask_session import Session


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY")
    Session(app)
    app.config["SESSION_TYPE"] = "filesystem"
    return app
