"""A session type that is none."""

from flask import Flask

app = Flask(__name__)
app.config.update(SESSION_TYPE="memcache")
