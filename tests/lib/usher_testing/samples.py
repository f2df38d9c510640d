"""A request for any method, filled from its descriptor: what the matrices send."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from usher import Method
from usher.v1 import common_pb2, context_pb2, options_pb2

# Names that say whose: a request that holds one speaks of somebody.
ID_FIELDS = {
    "user_id", "user_ids", "chatbot_id", "key_id", "org_id", "conversation",
    "default_user_id", "bound_user_id", "token", "external_id", "operation_id",
}  # fmt: skip


def nobody() -> dict[str, Any]:
    """Ids of nothing that there is."""
    return {
        "user_id": str(uuid.uuid4()),
        "chatbot_id": str(uuid.uuid4()),
        "key_id": str(uuid.uuid4()),
        "org_id": str(uuid.uuid4()),
        "conversation": str(uuid.uuid4()),
        "operation_id": str(uuid.uuid4()),
        "external_id": f"nobody {secrets.token_hex(4)}",
        "token": f"nothing {secrets.token_hex(4)}",
    }


def _value(field: FieldDescriptor, ids: dict[str, Any]) -> Any:
    """What stands in a field of that name; None: nothing."""
    plain = {
        "email": f"{secrets.token_hex(6)}@example.com",
        "password": secrets.token_urlsafe(12),
        "display_name": "Sample",
        "code": "123456",
        "refresh_token": "nothing",
        "scopes": ["context.read"],
        "turns": [context_pb2.NewTurn(role=context_pb2.TURN_ROLE_USER, text="Hello")],
        "profile": common_pb2.Profile(company="Sample Co."),
        "message": "Hello",
        "job": "partitions",
        "kind": "db_check",
        "operation_id": str(uuid.uuid4()),
    }
    if field.name == "user_ids":
        return [ids["user_id"]]
    if field.name in ("default_user_id", "bound_user_id"):
        return ids.get(field.name, ids["user_id"])
    if field.name in ids:
        return ids[field.name]
    if field.GetOptions().Extensions[options_pb2.field].required or field.name in ("profile",):
        assert field.name in plain, f"samples.py knows no value for the required {field.full_name}"
        return plain[field.name]
    return None


def sample(method: Method, ids: dict[str, Any]) -> Message:
    """A request that passes the wire check, about those ids."""
    values = {}
    for field in method.request.DESCRIPTOR.fields:
        if field.message_type is not None and field.name == "page":
            continue
        value = _value(field, ids)
        if value is not None:
            values[field.name] = value
    return method.request(**values)


def names_somebody(method: Method) -> bool:
    return any(field.name in ID_FIELDS for field in method.request.DESCRIPTOR.fields)
