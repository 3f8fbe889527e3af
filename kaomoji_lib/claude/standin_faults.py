"""How the stand-in misbehaves: each fault is a function of the request being answered."""

import json
import socket
import struct
import time


def _status(code, kind, said, headers=None):
    def fault(handler, params, message):
        handler.send_json(
            code, {"type": "error", "error": {"type": kind, "message": said}}, headers
        )

    return fault


def _reset(handler, params, message):
    body = json.dumps(message).encode()
    handler.start(200, len(body))
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.hang_up()


def _timeout(handler, params, message):
    time.sleep(handler.server.stall)
    handler.hang_up()


def _cut_body(handler, params, message):
    handler.send_bytes(200, json.dumps(message).encode()[:-20])


def _leak(handler, params, message):
    said = f"invalid credential: {handler.headers.get('authorization') or handler.headers.get('x-api-key')}"
    handler.send_json(
        401, {"type": "error", "error": {"type": "authentication_error", "message": said}}
    )


def _echo_key(handler, params, message):
    seen = handler.headers.get("authorization") or handler.headers.get("x-api-key")
    handler.send_json(200, _with_text(message, f"(・_・) {seen}"))


def _text(change):
    def fault(handler, params, message):
        handler.send_json(
            200,
            _with_text(
                message, change(message["content"][0]["text"] if message["content"] else "")
            ),
        )

    return fault


def _with_text(message, text):
    return {**message, "content": [{"type": "text", "text": text}]}


def _first_number(value):
    def change(text):
        fields = _fields(text)
        return json.dumps({**fields, next(iter(fields), "answer"): value})

    return change


def _unknown_word(text):
    return json.dumps({**_fields(text), "primary": ["sparkly"]})


def _fields(text):
    try:
        return dict(json.loads(text))
    except ValueError:
        return {}


def _refusal(handler, params, message):
    handler.send_json(200, {**message, "content": [], "stop_reason": "refusal"})


def _empty(handler, params, message):
    handler.send_json(200, {**message, "content": [], "stop_reason": "end_turn"})


def _wrong_model(handler, params, message):
    handler.send_json(200, {**message, "model": "another-model-1"})


SOON = {"retry-after-ms": "20"}
FAULTS = {
    "429": _status(429, "rate_limit_error", "slow down", {"retry-after": "0.05"}),
    "529": _status(529, "overloaded_error", "Overloaded", SOON),
    "500": _status(500, "api_error", "Internal server error", SOON),
    "400": _status(400, "invalid_request_error", "this request is malformed"),
    "401": _leak,
    "reset": _reset,
    "timeout": _timeout,
    "cut-body": _cut_body,
    "cut-json": _text(lambda text: text[: max(len(text) // 2, 1)]),
    "schema": _text(lambda text: json.dumps({"answer": 42})),
    "likelihood": _text(_first_number(1.7)),
    "nan": _text(_first_number("NaN")),
    "bare-nan": _text(_first_number(float("nan"))),
    "unknown-word": _text(_unknown_word),
    "refusal": _refusal,
    "empty": _empty,
    "wrong-model": _wrong_model,
    "echo-key": _echo_key,
    "surrogate": _text(lambda text: f"(・_・) \ud800{text}\udfff"),
}
# Faults that end without a paid answer.
UNPAID = {"429", "529", "500", "400", "401", "reset", "timeout"}
BATCH_FAULTS = ("expired", "errored", "canceled", "duplicate", "missing")
