"""Moto's server with one thing different: requests are answered one after the other.

It looks whether a condition such as `If-Match` holds, and then writes, with nothing to keep another request from writing in
between. A lock is only as good as that, so here it is as a real server has it.
"""

import io
import os
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple

PORT = sys.argv[1]
os.environ.setdefault("MOTO_PORT", PORT)
SERVICES = DomainDispatcherApplication(create_backend_app)
TURN = threading.Lock()


def body(environ):
    """All that the client sends, so that a slow one holds up nobody."""
    if environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def answer(environ, start_response):
    environ["wsgi.input"] = io.BytesIO(body(environ))
    with TURN:
        parts = SERVICES(environ, start_response)
        try:
            return list(parts)
        finally:
            getattr(parts, "close", lambda: None)()


run_simple("127.0.0.1", int(PORT), answer, threaded=True, request_handler=MotoRequestHandler)
