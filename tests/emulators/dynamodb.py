"""A stand-in for DynamoDB: moto, one request at a time, because it checks a condition and writes in two steps.

dynamodb.py PORT [--read-only]

It knows conditions and the settings of a table. It knows no permissions, never throttles, and removes nothing that has expired.
"""

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


def one_at_a_time(environ, start_response):
    action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if READ_ONLY and action not in READING:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])
        return [REFUSED]
    with LOCK:
        return list(APPLICATION(environ, start_response))


class Connection(WSGIRequestHandler):
    """One that stays open, and of which no line is written for each request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, *_):
        pass


run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, request_handler=Connection, threaded=True)
