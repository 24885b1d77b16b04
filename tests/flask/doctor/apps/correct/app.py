"""Nothing is wrong here."""

import os

from flask import Flask
from flask_session import Session

server_session = Session()
SESSION_LIFETIME_DAYS = 3


def create_app():
    app = Flask(__name__)
    app.config.from_object("settings")
    app.config["PERMANENT_SESSION_LIFETIME"] = SESSION_LIFETIME_DAYS * 86_400
    server_session.init_app(app)
    return app


if __name__ == "__main__":
    application = create_app()
    application.config["DEBUG"] = bool(os.environ.get("DEBUG"))
    application.run()
