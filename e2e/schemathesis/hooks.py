"""What the fuzzer is told of the world: who may ask, how the provider signs, and requests that should succeed.

Every answer is noted in a file, from which the test sees that each operation has succeeded at least once.
"""

import hashlib
import hmac
import json
import os
import pathlib
import random
import time
import uuid

import requests
import schemathesis

WORLD = json.loads(pathlib.Path(os.environ["HANDSEL_WORLD"]).read_text())
REQUESTS = WORLD["requests"][os.environ["HANDSEL_API"]]
ANSWERS = pathlib.Path(os.environ["HANDSEL_ANSWERS"])
OURS = "x-of-the-world"


def operation_of(thing):
    return thing.operation.definition.raw["operationId"]


def schemes_of(operation):
    return [name for scheme in operation.definition.raw.get("security", []) for name in scheme]


@schemathesis.auth()
class Tokens:
    """Each operation is asked by whom it is for."""

    def get(self, case, context):
        operation = context.operation
        if operation.definition.raw["operationId"] == "closeMerchant":
            return WORLD["spare_merchant"]
        tokens = [WORLD["tokens"].get(scheme) for scheme in schemes_of(operation)]
        return next((token for token in tokens if token), "")

    def set(self, case, data, context):
        if data and "Authorization" not in case.headers:
            case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.hook
def before_add_examples(context, examples):
    """Requests that should succeed."""
    for request in REQUESTS.get(operation_of(context), [{}]):
        more = {"headers": {}}
        needs_key = any(
            parameter.get("name") == "Idempotency-Key"
            for parameter in context.operation.definition.raw.get("parameters", [])
        )
        if needs_key:
            more["headers"]["Idempotency-Key"] = str(uuid.uuid4())
        if "token" in request:
            more["headers"]["Authorization"] = f"Bearer {request['token']}"
        if "path" in request:
            more["path_parameters"] = request["path"]
        if "query" in request:
            more["query"] = request["query"]
        if "body" in request:
            more["body"] = request["body"]
            more["media_type"] = request.get("kind", "application/json")
        examples.append(context.operation.Case(**more))


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Half of the requests are about something that is there."""
    known = [request["path"] for request in REQUESTS.get(operation_of(context), []) if "path" in request]
    if known and path_parameters and is_even(path_parameters):
        return dict(random.Random(repr(path_parameters)).choice(known))
    return path_parameters


def is_even(value):
    return hashlib.sha256(repr(value).encode()).digest()[0] % 2 == 0


@schemathesis.hook
def before_call(context, case, kwargs):
    """The provider signs what it sends."""
    if "provider" not in schemes_of(case.operation):
        return
    transport = case.as_transport_kwargs(base_url="http://127.0.0.1")
    transport.pop("verify", None)
    fields = {name: transport[name] for name in ("method", "url", "json", "data", "files") if name in transport}
    body = requests.Request(**fields).prepare().body or b""
    body = body.encode() if isinstance(body, str) else body
    signed_at = int(time.time())
    mac = hmac.new(WORLD["webhook_secret"].encode(), f"{signed_at}.".encode() + body, hashlib.sha256)
    case.headers["Bank-Signature"] = f"t={signed_at},v1={mac.hexdigest()}"


@schemathesis.hook
def after_call(context, case, response):
    with ANSWERS.open("a") as file:
        file.write(f"{operation_of(case)} {response.status_code}\n")
