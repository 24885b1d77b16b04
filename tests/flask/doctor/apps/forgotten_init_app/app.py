"""Session is made, and no application given to it."""

import os

from flask import Flask
from flask_session import Session

server_session = Session()


def create_app():
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY")
    app.config["SESSION_TYPE"] = "redis"
    return app
