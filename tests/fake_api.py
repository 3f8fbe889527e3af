"""A fake Messages API on a loopback port, without a model: real HTTP for the real SDK, with faults on demand."""

import hashlib
import itertools
import json
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import urlsplit

FACES = ["(◕‿◕)", "(T_T)", "(>_<)", "(・_・)", "(^_^)", "(ಠ_ಠ)", "(╯°□°)", "(´・ω・`)", "(－_－)"]


def digest(params):
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


def answer(params):
    """Text and stop reason for a request, by rule."""
    luck = int(digest(params)[:8], 16)
    if "output_config" not in params:
        return f"{FACES[luck % len(FACES)]} tell me more", "max_tokens"
    fields = params["output_config"]["format"]["schema"]["properties"]
    if "primary" in fields:
        said = {name: field["items"]["enum"][luck % 9 :][:3] for name, field in fields.items()}
    else:
        said = {name: ((luck >> n) % 90 + 5) / 100 for n, name in enumerate(fields)}
    return json.dumps(said), "end_turn"


def _reset(handler, message):
    body = json.dumps(message).encode()
    handler.send_bytes(200, body[: len(body) // 2], length=len(body))
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.hang_up()


def _timeout(handler, message):
    time.sleep(handler.server.stall)
    handler.hang_up()


def _field(value, name=None):
    """Change one field of the answer, by default the first."""

    def change(text, key):
        fields = json.loads(text) if text.startswith("{") else {}
        return json.dumps({**fields, name or next(iter(fields), "a"): value})

    return change


# Faults that end without a paid answer: a refusal, a foreign body with status 200, or what the handler does.
UNPAID = {
    "429": (429, "rate_limit_error", "slow down"),
    "529": (529, "overloaded_error", "Overloaded"),
    "500": (500, "api_error", "Internal server error"),
    "400": (400, "invalid_request_error", "this request is malformed"),
    "401": (401, "authentication_error", "invalid credential: {key}"),
    "error-200": (200, "overloaded_error", "Overloaded"),
    "reset": _reset,
    "timeout": _timeout,
    "html-200": b"<!DOCTYPE html><title>Sign in</title>",
    "html-as-json": b"\n <html>Sign in</html>",
    "proxy-error-200": b'{"error": {"message": "upstream"}}',
    "no-message-200": b'{"status": "ok"}',
    "list-200": b"[]",
}
# Other texts than the answer's, made from it and the key.
TEXTS = {
    "echo-key": lambda text, key: f"(・_・) {key}",
    "cut-json": lambda text, key: text[: max(len(text) // 2, 1)],
    "schema": lambda text, key: '{"answer": 42}',
    "surrogate": lambda text, key: f"(・_・) \ud800{text}\udfff",
    "context-full": lambda text, key: "(・_",
    "likelihood": _field(1.7),
    "nan": _field("NaN"),
    "bare-nan": _field(float("nan")),
    "unknown-word": _field(["sparkly"], "primary"),
}
# Other fields of the message.
PAID = {
    "cut-body": lambda handler, message: handler.send_bytes(
        200, json.dumps(message).encode()[:-20]
    ),
    **{name: {} for name in TEXTS},
    "context-full": {"stop_reason": "model_context_window_exceeded"},
    "refusal": {"content": [], "stop_reason": "refusal"},
    "empty": {"content": [], "stop_reason": "end_turn"},
    "wrong-model": {"model": "another-model-1"},
    "no-usage": {"usage": None},
}
FAULTS = {**UNPAID, **PAID}
BATCH_FAULTS = ("expired", "errored", "canceled", "duplicate", "missing")


class FakeAPI(ThreadingHTTPServer):
    """A running fake; a context manager that stops it.

    ``answers``: callable (params) -> (text, stop reason). ``faults``: names of FAULTS, one used up per
    message or batch creation in order of arrival, an empty name for none. ``batch_faults``: names of BATCH_FAULTS for
    the first requests of the first batch. ``rejects``: a parameter that is refused with status 400. ``batch_time``:
    how long a batch takes; ``stall``: seconds of the timeout. ``paid`` counts answers sent, by request.
    """

    daemon_threads, block_on_close, request_queue_size = True, False, 64

    def __init__(
        self, *, answers=answer, faults=(), batch_faults=(), rejects="", batch_time=0.0, stall=5.0
    ):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.faults, self.batch_faults, self.rejects = list(faults), list(batch_faults), rejects
        self.batch_time, self.stall = batch_time, stall
        self.lock, self.numbers = threading.Lock(), itertools.count(1)
        self.paid, self.requests, self.batches = Counter(), Counter(), {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()

    def variables(self, key="none-needed"):
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": key}

    @contextmanager
    def environment(self, key="none-needed"):
        """Run the fake, let the environment name it, and let the SDK retry quickly."""
        quick = mock.patch("anthropic._base_client.INITIAL_RETRY_DELAY", 0.02)
        with self, quick, mock.patch.dict("os.environ", self.variables(key)):
            yield self

    def handle_error(self, request, client_address):
        """Clients that hang up, and faults that hang up on them, are expected."""

    def complaint(self, params):
        is_rejected = self.rejects and self.rejects in params
        return f"`{self.rejects}` is deprecated for this model." if is_rejected else ""

    def message(self, params):
        text, stop = self.answers(params)
        length = len(json.dumps([params.get("system", ""), params["messages"]]))
        return {
            "id": f"msg_fake_{next(self.numbers)}",
            "type": "message",
            "role": "assistant",
            "model": params["model"],
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": stop,
            "usage": {"input_tokens": length // 4, "output_tokens": max(1, len(text) // 4)},
        }

    def pay(self, params):
        with self.lock:
            self.paid[digest(params)] += 1

    def create_batch(self, requests):
        lines = [
            {"custom_id": request["custom_id"], "result": result}
            for request in requests
            for result in self._results(request["params"])
        ]
        batch = {
            "id": f"msgbatch_fake_{next(self.numbers)}",
            "ends": time.monotonic() + self.batch_time,
            "lines": lines,
        }
        self.batches[batch["id"]] = batch
        return batch

    def _results(self, params):
        fault = self.batch_faults.pop(0) if self.batch_faults else ""
        if fault == "missing":
            return []
        if fault in ("expired", "canceled"):
            return [{"type": fault}]
        if fault == "errored" or self.complaint(params):
            error = {"type": "api_error", "message": self.complaint(params) or "it went wrong"}
            return [{"type": "errored", "error": {"type": "error", "error": error}}]
        self.pay(params)
        copies = 2 if fault == "duplicate" else 1
        return [{"type": "succeeded", "message": self.message(params)} for _ in range(copies)]

    def batch_state(self, batch):
        return {
            "id": batch["id"],
            "type": "message_batch",
            "processing_status": "ended" if time.monotonic() >= batch["ends"] else "in_progress",
            "results_url": f"{self.url}/v1/messages/batches/{batch['id']}/results",
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    log_message = lambda *arguments: None

    def send_bytes(self, code, body, length=None):
        self.send_response(code)
        self.send_header("content-type", "text/html" if body[:1] == b"<" else "application/json")
        self.send_header("content-length", str(length or len(body)))
        self.send_header("retry-after", "0.02")
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, code, value):
        self.send_bytes(code, json.dumps(value).encode())

    def hang_up(self):
        self.close_connection = True
        self.connection.close()

    def refuse(self, code, kind, detail):
        error = {"type": kind, "message": detail}
        self.send_json(code, {"type": "error", "error": error})

    def fail(self, fault, message):
        what = FAULTS[fault]
        key = self.headers.get("authorization") or self.headers.get("x-api-key")
        if isinstance(what, tuple):
            self.refuse(*what[:2], what[2].format(key=key))
        elif isinstance(what, bytes):
            self.send_bytes(200, what)
        elif isinstance(what, dict):
            if fault in TEXTS and message.get("content"):
                text = TEXTS[fault](message["content"][0]["text"], key)
                what = {"content": [{"type": "text", "text": text}], **what}
            self.send_json(200, {**message, **what})
        else:
            what(self, message)

    def do_POST(self):
        path, server = urlsplit(self.path).path, self.server
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        server.requests[path] += 1
        with server.lock:
            fault = server.faults.pop(0) if server.faults else ""
        is_served, answer = fault == "reset" or fault not in UNPAID, None
        if is_served and path.endswith("/batches"):
            answer = server.batch_state(server.create_batch(body["requests"]))
        elif is_served:
            if complaint := server.complaint(body):
                return self.refuse(400, "invalid_request_error", complaint)
            answer = server.message(body)
            if fault != "reset":
                server.pay(body)
        return self.fail(fault, answer) if fault else self.send_json(200, answer)

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.requests[path] += 1
        names = path.strip("/").split("/")
        batch = self.server.batches.get(names[3]) if len(names) > 3 else None
        if batch is None:
            return self.refuse(404, "not_found_error", "no such batch")
        if len(names) == 4:
            return self.send_json(200, self.server.batch_state(batch))
        lines = "".join(json.dumps(line) + "\n" for line in batch["lines"])
        return self.send_bytes(200, lines.encode())
