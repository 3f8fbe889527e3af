"""A stand-in for the service: the Messages and Batches wire format on a loopback port, without a model behind it.

It makes the offline default of the pages and lets the tests talk real HTTP through the real SDK.
"""

import hashlib
import ipaddress
import itertools
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from kaomoji_lib.claude.asks import holds
from kaomoji_lib.claude.standin_answers import Rules
from kaomoji_lib.claude.standin_faults import BATCH_FAULTS, FAULTS, UNPAID
from kaomoji_lib.errors import KaomojiError

REPLY_ID = "msg_standin_"
MOST_BODY = 64 * 2**20


class StandIn(ThreadingHTTPServer):
    """A running stand-in; a context manager that stops it.

    Parameters
    ----------
    host : a loopback address, as a number (``127.0.0.1``, ``::1``); port : 0 for any free one.
    answers : callable (params, occurrence) -> (text, stop reason); default :class:`Rules`.
    faults : names of ``standin_faults.FAULTS``, one used up per message request in order of arrival; an empty name
        is a good answer.
    batch_faults : names of ``BATCH_FAULTS`` for the first requests of the first batch.
    rejects : optional parameters that are refused with a 400, as newer models refuse a temperature.
    batch_seconds : how long a batch takes. stall : seconds of the ``timeout`` fault.

    Raises
    ------
    KaomojiError
        If ``host`` is no loopback address, the port is taken, or a fault is unknown.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(
        self,
        host="127.0.0.1",
        port=0,
        *,
        answers=None,
        faults=(),
        batch_faults=(),
        rejects=(),
        batch_seconds=0.0,
        stall=5.0,
    ):
        require_loopback(host)
        unknown = [
            name
            for name in [*faults, *batch_faults]
            if name and name not in FAULTS and name not in BATCH_FAULTS
        ]
        if unknown:
            raise KaomojiError(
                f"unknown fault {unknown[0]!r}; expected one of {', '.join([*FAULTS, *BATCH_FAULTS])}"
            )
        import socket

        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise KaomojiError(
                f"the stand-in cannot listen on port {port} ({error.strerror}); choose another, or 0 for any"
            ) from None
        self.answers = answers or Rules()
        self.faults, self.batch_faults = list(faults), list(batch_faults)
        self.rejects, self.batch_seconds, self.stall = tuple(rejects), batch_seconds, stall
        self.lock, self.numbers, self.seen = threading.Lock(), itertools.count(1), Counter()
        self.paid, self.requests, self.stored = Counter(), Counter(), {}
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    @property
    def url(self):
        host, port = self.server_address[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        """Clients that hang up, and faults that hang up on them, are no news."""

    def next_fault(self):
        with self.lock:
            return self.faults.pop(0) if self.faults else ""

    def complaint(self, params):
        """What is wrong with a request's parameters, or an empty string."""
        for name in self.rejects:
            if holds(params, name):
                return f"`{name}` is not supported by this model."
        return (
            ""
            if isinstance(params.get("messages"), list) and params["messages"]
            else "messages: Field required"
        )

    def message(self, params):
        """A reply in the wire format."""
        name = _digest(params)
        with self.lock:
            occurrence = self.seen[name]
            self.seen[name] += 1
            number = next(self.numbers)
        text, stop = self.answers(params, occurrence)
        return {
            "id": f"{REPLY_ID}{number}",
            "type": "message",
            "role": "assistant",
            "model": params["model"],
            "stop_sequence": None,
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop,
            "usage": {
                "input_tokens": count_tokens(params),
                "output_tokens": max(1, len(text) // 4),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        }

    def pay(self, params):
        with self.lock:
            self.paid[_digest(params)] += 1

    # -- batches -------------------------------------------------------------------------------------

    def create_batch(self, requests):
        with self.lock:
            number = next(self.numbers)
        now = datetime.now(UTC)
        lines = list(itertools.chain.from_iterable(self._result(request) for request in requests))
        batch = {
            "id": f"msgbatch_standin_{number}",
            "created": now,
            "ends": time.monotonic() + self.batch_seconds,
            "count": len(requests),
            "lines": lines,
        }
        self.stored[batch["id"]] = batch
        return batch

    def _result(self, request):
        custom, params = request["custom_id"], request["params"]
        fault = self.batch_faults.pop(0) if self.batch_faults else ""
        complaint = self.complaint(params)
        if fault == "errored" or complaint:
            said = complaint or "this request went wrong"
            kind = "invalid_request_error" if complaint else "api_error"
            return [
                _line(
                    custom,
                    {
                        "type": "errored",
                        "error": {
                            "type": "error",
                            "error": {"type": kind, "message": said},
                            "request_id": None,
                        },
                    },
                )
            ]
        if fault in ("expired", "canceled"):
            return [_line(custom, {"type": fault})]
        if fault == "missing":
            return []
        self.pay(params)
        good = _line(custom, {"type": "succeeded", "message": self.message(params)})
        return (
            [good, _line(custom, {"type": "succeeded", "message": self.message(params)})]
            if fault == "duplicate"
            else [good]
        )

    def batch_state(self, batch):
        ended = time.monotonic() >= batch["ends"]
        kinds = (
            Counter(json.loads(line)["result"]["type"] for line in batch["lines"])
            if ended
            else Counter()
        )
        counts = {kind: kinds[kind] for kind in ("succeeded", "errored", "canceled", "expired")}
        return {
            "id": batch["id"],
            "type": "message_batch",
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": {**counts, "processing": 0 if ended else batch["count"]},
            "created_at": batch["created"].isoformat(),
            "expires_at": (batch["created"] + timedelta(hours=24)).isoformat(),
            "ended_at": batch["created"].isoformat() if ended else None,
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"{self.url}/v1/messages/batches/{batch['id']}/results"
            if ended
            else None,
        }


def require_loopback(host):
    """Raise KaomojiError unless ``host`` is a numeric loopback address; names may resolve to anything."""
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise KaomojiError(
            f"the stand-in answers on this machine only, not on {host!r}; expected 127.0.0.1 or ::1"
        )


def count_tokens(params):
    return len(json.dumps([params.get("system", ""), params["messages"]], ensure_ascii=False)) // 4


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _line(custom, result):
    return json.dumps({"custom_id": custom, "result": result})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "kaomoji-stand-in"

    def log_message(self, *arguments):
        pass

    def start(self, code, length, headers=None):
        self.send_response(code)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()

    def send_bytes(self, code, body, headers=None):
        self.start(code, len(body), headers)
        self.wfile.write(body)

    def send_json(self, code, value, headers=None):
        self.send_bytes(code, json.dumps(value).encode(), headers)

    def hang_up(self):
        self.close_connection = True
        self.connection.close()

    def refuse(self, code, kind, said):
        self.send_json(code, {"type": "error", "error": {"type": kind, "message": said}})

    def do_POST(self):
        path = urlsplit(self.path).path
        length = int(self.headers.get("content-length") or 0)
        if length > MOST_BODY:
            return self.refuse(413, "request_too_large", "the request is too large")
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            return self.refuse(400, "invalid_request_error", "the body is not JSON")
        self.server.requests[path] += 1
        if path == "/v1/messages":
            return self._message(body)
        if path == "/v1/messages/count_tokens":
            return self.send_json(200, {"input_tokens": count_tokens(body)})
        if path == "/v1/messages/batches":
            return self._batch(body)
        return self.refuse(404, "not_found_error", "no such address")

    def _message(self, params):
        fault, complaint = self.server.next_fault(), self.server.complaint(params)
        if complaint and fault not in UNPAID:
            return self.refuse(400, "invalid_request_error", complaint)
        if fault not in UNPAID:
            self.server.pay(params)
        if fault:
            message = (
                self.server.message(params) if fault not in UNPAID or fault == "reset" else None
            )
            return FAULTS[fault](self, params, message)
        return self.send_json(200, self.server.message(params))

    def _batch(self, body):
        requests = body.get("requests") or []
        names = [request.get("custom_id") for request in requests]
        if not names or len(set(names)) != len(names):
            return self.refuse(400, "invalid_request_error", "requests: custom_id must be unique")
        fault = (
            self.server.next_fault()
            if self.server.faults and self.server.faults[0] in UNPAID
            else ""
        )
        if fault and fault != "reset":
            return FAULTS[fault](self, body, None)
        state = self.server.batch_state(self.server.create_batch(requests))
        return FAULTS["reset"](self, body, state) if fault else self.send_json(200, state)

    def do_GET(self):
        parts = urlsplit(self.path)
        self.server.requests[parts.path] += 1
        names = parts.path.strip("/").split("/")
        if names[:3] != ["v1", "messages", "batches"] or len(names) > 5:
            return self.refuse(404, "not_found_error", "no such address")
        if len(names) == 3:
            limit = int(parse_qs(parts.query).get("limit", ["20"])[0])
            found = [
                self.server.batch_state(batch)
                for batch in reversed(list(self.server.stored.values()))
            ][:limit]
            return self.send_json(
                200, {"data": found, "has_more": False, "first_id": None, "last_id": None}
            )
        batch = self.server.stored.get(names[3])
        if batch is None:
            return self.refuse(404, "not_found_error", "no such batch")
        if len(names) == 4:
            return self.send_json(200, self.server.batch_state(batch))
        return self.send_bytes(200, "".join(line + "\n" for line in batch["lines"]).encode())
