"""What the fuzzer is told of the world: who may ask, how the provider signs, and requests that should succeed.

Every answer is noted in a file, from which the test sees that each operation has succeeded at least once.
"""

import hashlib
import hmac
import itertools
import json
import os
import pathlib
import time
import uuid

import requests
import schemathesis
from schemathesis import auths

WORLD = json.loads(pathlib.Path(os.environ["HANDSEL_WORLD"]).read_text())
REQUESTS = WORLD["requests"][os.environ["HANDSEL_API"]]
TURN = itertools.count()
ANSWERS = pathlib.Path(os.environ["HANDSEL_ANSWERS"])


def operation_of(thing):
    return thing.operation.definition.raw["operationId"]


def schemes_of(operation):
    return [name for scheme in operation.definition.raw.get("security", []) for name in scheme]


@schemathesis.auth(cache_by_key=lambda case, context: str(uuid.uuid4()))
class Askers:
    """Each operation is asked by whom it is for: with a token, or signed as the provider signs."""

    def get(self, case, context):
        operation = context.operation
        own = WORLD["own_tokens"].get(operation.definition.raw["operationId"])
        tokens = own or [WORLD["tokens"].get(scheme) for scheme in schemes_of(operation)]
        tokens = [token for token in tokens if token]
        return tokens[next(TURN) % len(tokens)] if tokens else ""

    def set(self, case, data, context):
        if "provider" in schemes_of(context.operation):
            case.headers["Bank-Signature"] = signature_of(case)
        elif data:
            case.headers["Authorization"] = f"Bearer {data}"


def signature_of(case):
    transport = case.as_transport_kwargs(base_url="http://127.0.0.1")
    fields = {name: transport[name] for name in ("method", "url", "json", "data", "files") if name in transport}
    body = requests.Request(**fields).prepare().body or b""
    body = body.encode() if isinstance(body, str) else body
    signed_at = int(time.time())
    mac = hmac.new(WORLD["webhook_secret"].encode(), f"{signed_at}.".encode() + body, hashlib.sha256)
    return f"t={signed_at},v1={mac.hexdigest()}"


@schemathesis.hook
def before_add_examples(context, examples):
    """Requests that should succeed."""
    nothing = [] if "{" in context.operation.path else [{}]
    for request in REQUESTS.get(operation_of(context), nothing):
        more = {"headers": {}}
        needs_key = any(
            parameter.get("name") == "Idempotency-Key"
            for parameter in context.operation.definition.raw.get("parameters", [])
        )
        if needs_key:
            more["headers"]["Idempotency-Key"] = str(uuid.uuid4())
        if "path" in request:
            more["path_parameters"] = request["path"]
        if "query" in request:
            more["query"] = request["query"]
        if "body" in request:
            more["body"] = request["body"]
            more["media_type"] = request.get("kind", "application/json")
        case = context.operation.Case(**more)
        # Those that are made elsewhere have it already.
        auths.set_on_case(case, auths.AuthContext(operation=context.operation, app=None), None)
        examples.append(case)


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Half of the requests are about something that is there."""
    known = [request["path"] for request in REQUESTS.get(operation_of(context), []) if "path" in request]
    if known and path_parameters and digest(path_parameters)[0] % 2 == 0:
        return dict(known[digest(path_parameters)[1] % len(known)])
    return path_parameters


def digest(value):
    return hashlib.sha256(repr(value).encode()).digest()


@schemathesis.hook
def after_call(context, case, response):
    with ANSWERS.open("a") as file:
        file.write(f"{operation_of(case)} {response.status_code}\n")
