"""A stand-in for DynamoDB: moto, one request at a time, because it checks a condition and writes in two steps.

dynamodb.py PORT

It knows conditions and the settings of a table. It knows no permissions, never throttles, and removes nothing that has expired.
"""

import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

LOCK = threading.Lock()
APPLICATION = DomainDispatcherApplication(create_backend_app)


def one_at_a_time(environ, start_response):
    with LOCK:
        return list(APPLICATION(environ, start_response))


run_simple("127.0.0.1", int(sys.argv[1]), one_at_a_time, threaded=True)
