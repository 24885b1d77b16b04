"""The key stands in the source."""

from flask import Flask, session

app = Flask(__name__)
app.config["SECRET_KEY"] = "hunter2-hunter2-hunter2-hunter2"


@app.get("/")
def index():
    session["seen"] = True
    return "seen"
