"""A stand-in for DynamoDB: moto, one request at a time, because it checks a condition and writes in two steps.

dynamodb.py PORT [--read-only]

It knows conditions and the settings of a table. It knows no permissions, never throttles, and removes nothing that has expired.
"""

import io
import json
import sys
import threading

from moto.server import create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

LOCK = threading.Lock()
APPLICATION = create_backend_app("dynamodb")


READ_ONLY = "--read-only" in sys.argv
READING = ("GetItem", "Scan", "DescribeTable", "DescribeTimeToLive", "ListTables")
REFUSED = b"""{"__type": "com.amazon.coral.service#AccessDeniedException", \
"Message": "User: arn:aws:iam::123456789012:user/ada is not authorized to perform this action"}"""

EXPIRING = set()  # the tables whose time to live is on: AWS does not turn it on twice
ON_ALREADY = b"""{"__type": "com.amazon.coral.validate#ValidationException", "message": "TimeToLive is already enabled"}"""


def refused(environ, start_response, answer):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])
    return [answer]


def asked(environ):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return json.loads(body)


def is_on_already(environ):
    wanted = asked(environ)
    table, on = wanted["TableName"], wanted["TimeToLiveSpecification"]["Enabled"]
    if on and table in EXPIRING:
        return True
    (EXPIRING.add if on else EXPIRING.discard)(table)
    return False


def one_at_a_time(environ, start_response):
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if READ_ONLY and action not in READING:
        return refused(environ, start_response, REFUSED)
    with LOCK:
        if action == "UpdateTimeToLive" and is_on_already(environ):
            return refused(environ, start_response, ON_ALREADY)
        if action == "DeleteTable":
            EXPIRING.discard(asked(environ)["TableName"])
        return list(APPLICATION(environ, start_response))


class Connection(WSGIRequestHandler):
    """One that stays open, and of which no line is written for each request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass


run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, request_handler=Connection, threaded=True)
