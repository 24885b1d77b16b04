"""An app on Flask-Session 0.8 that counts its requests in the session.

flask_app.py URL TABLE [SESSION-ID]   makes one request, and prints the session's id and the count
"""

import sys
from urllib.parse import urlsplit

from flask import Flask, session
from flask_session import Session

url, table, *session_id = sys.argv[1:]

app = Flask(__name__)
app.config.update(SECRET_KEY="k", SESSION_TYPE=url.partition(":")[0])
if url.startswith("mongodb:"):
    from pymongo import MongoClient

    app.config.update(SESSION_MONGODB=MongoClient(url), SESSION_MONGODB_COLLECT=table)
elif url.startswith("redis:"):
    from redis import Redis

    app.config.update(SESSION_REDIS=Redis.from_url(url))
elif url.startswith("memcached:"):
    from pymemcache.client.base import Client

    app.config.update(SESSION_MEMCACHED=Client(url.removeprefix("memcached://")))
elif url.startswith("dynamodb+http:"):
    import boto3

    parts = urlsplit(url)
    dynamodb = boto3.resource(
        "dynamodb",
        endpoint_url=f"http://{parts.hostname}:{parts.port}",
        region_name=parts.query.removeprefix("region="),
        aws_access_key_id=parts.username,
        aws_secret_access_key=parts.password,
    )
    app.config.update(SESSION_TYPE="dynamodb", SESSION_DYNAMODB=dynamodb, SESSION_DYNAMODB_TABLE=table)
else:
    from flask_sqlalchemy import SQLAlchemy

    app.config.update(SESSION_TYPE="sqlalchemy", SQLALCHEMY_DATABASE_URI=url)
    app.config.update(SESSION_SQLALCHEMY=SQLAlchemy(app), SESSION_SQLALCHEMY_TABLE=table)
Session(app)


@app.get("/")
def count():
    session["n"] = session.get("n", 0) + 1
    return f"{session.sid} {session['n']}"


client = app.test_client()
if session_id:
    client.set_cookie("session", session_id[0])
print(client.get("/").text)
