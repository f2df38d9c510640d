"""The methods that there are, read from the messages' own descriptors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from usher.v1 import auth_pb2, context_pb2, ops_pb2, options_pb2, org_pb2, user_pb2

BATCH = "usher.v1.Batch"
_DEADLINE_MS_DEFAULT = 5000


def method_id(name: str) -> int:
    """FNV-1a, 32 bits, of "usher.v1.AuthService/Login"."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value


@dataclass(frozen=True)
class Method:
    """One method: its names, its messages and its rules (usher/v1/options.proto)."""

    name: str  # "usher.v1.AuthService/Login"
    service: str  # "auth"
    attribute: str  # "login"
    id: int
    request: type[Message]
    reply: type[Message]
    rules: options_pb2.MethodRules

    @property
    def timeout(self) -> float:
        """Seconds."""
        return (self.rules.deadline_ms or _DEADLINE_MS_DEFAULT) / 1000


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _read_methods() -> dict[str, Method]:
    methods = {}
    for module in (auth_pb2, user_pb2, org_pb2, context_pb2, ops_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                name = f"{service.full_name}/{method.name}"
                methods[name] = Method(
                    name=name,
                    service=_snake_case(service.name.removesuffix("Service")),
                    attribute=_snake_case(method.name),
                    id=method_id(name),
                    request=GetMessageClass(method.input_type),
                    reply=GetMessageClass(method.output_type),
                    rules=method.GetOptions().Extensions[options_pb2.rules],
                )
    return methods


METHODS: dict[str, Method] = _read_methods()


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None and isinstance(value, Mapping):
        if field.message_type.GetOptions().map_entry:
            return value
        return _fields(field.message_type, value)
    extensions: Any = field.GetOptions().Extensions
    if extensions[options_pb2.field].json and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def _fields(message: Descriptor, values: Mapping[str, Any]) -> dict[str, Any]:
    """values with the objects of JSON fields as text, at every level."""
    made = {}
    for name, value in values.items():
        field = message.fields_by_name.get(name)
        if field is None or value is None:
            made[name] = value  # protobuf says what it thinks of it
        elif field.label == FieldDescriptor.LABEL_REPEATED and not isinstance(value, Mapping):
            made[name] = [_plain(field, item) for item in value]
        else:
            made[name] = _plain(field, value)
    return made


def build(method: Method, request: Message | None, fields: dict[str, Any]) -> Message:
    """The request message: the one given, or one made of its fields. None is a field that was not
    given: that is what a generated method passes on for each of those."""
    given = {name: value for name, value in fields.items() if value is not None}
    if request is not None:
        if given:
            raise TypeError("give a request message or its fields, not both")
        if not isinstance(request, method.request):
            raise TypeError(f"{method.name} takes {method.request.DESCRIPTOR.name}")
        return request
    return method.request(**_fields(method.request.DESCRIPTOR, given))
