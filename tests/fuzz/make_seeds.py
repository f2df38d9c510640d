"""Makes the seeds of the targets whose inputs are no text, or have a checksum:

    tests/lib/python tests/fuzz/make_seeds.py

Writes tests/fuzz/corpus/{check,envelope,pbjson,route,secret}. To be run again, and what it wrote
committed, when a message or a target's input has changed: a seed that no longer fits is of less
use, and of no harm. The same .proto files yield the same bytes."""

from __future__ import annotations

import hashlib
import json
import pathlib
import shutil
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "clients/python"))

from google.protobuf import descriptor_pb2, json_format  # noqa: E402
from google.protobuf.descriptor import Descriptor, FieldDescriptor  # noqa: E402
from google.protobuf.message import Message  # noqa: E402
from google.protobuf.message_factory import GetMessageClass  # noqa: E402
from usher.methods import METHODS, method_id  # noqa: E402
from usher.v1 import envelope_pb2, options_pb2  # noqa: E402

CORPUS = TOP / "tests/fuzz/corpus"
DEPTH_MAX = 4
OBJECT = '{"a":[1,null,"ä"]}'
WHOLE_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64,
}  # fmt: skip


def is_repeated(field: FieldDescriptor) -> bool:
    return field.label == FieldDescriptor.LABEL_REPEATED


def value(field: FieldDescriptor):
    """What the field's rules allow, and the JSON mapping can write."""
    rules = field.GetOptions().Extensions[options_pb2.field]
    if field.cpp_type in WHOLE_NUMBERS:
        return rules.range.min + 1 if rules.range.max > rules.range.min else 7
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return 0.5
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return True
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return field.enum_type.values[-1].number
    if rules.json:
        return OBJECT
    length = max(rules.length_min, min(rules.length_max or 8, 8))
    text = "sämple12"[:length].ljust(length, "x")
    return text.encode("latin-1") if field.type == FieldDescriptor.TYPE_BYTES else text


def fill(message: Message, depth: int = 0) -> Message:
    """Each field once; of a oneof the last member."""
    if message.DESCRIPTOR.full_name == "google.protobuf.FieldMask":
        message.paths.append("display_name")
        return message
    for field in message.DESCRIPTOR.fields:
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, item = field.message_type.fields
            held = getattr(message, field.name)
            if item.message_type:
                fill(held[value(key)], depth + 1)
            else:
                held[value(key)] = value(item)
        elif field.message_type:
            if depth == DEPTH_MAX:
                continue
            held = getattr(message, field.name)
            fill(held.add() if is_repeated(field) else held, depth + 1)
        elif is_repeated(field):
            getattr(message, field.name).append(value(field))
        else:
            setattr(message, field.name, value(field))
    return message


def filled(descriptor: Descriptor) -> Message:
    message = GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.FromJsonString("2024-02-29T23:59:59.000001Z")
        return message
    return fill(message)


def packed(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def choice(descriptor: Descriptor) -> bytes:
    """How choose.h finds a message: by the hash of its name."""
    return method_id(descriptor.full_name).to_bytes(4, "little")


def write(target: str, name: str, data: bytes) -> None:
    (CORPUS / target / name).write_bytes(data)


def messages() -> None:
    """Requests as the wire check and the bridge see them, replies as the bridge does."""
    for method in METHODS.values():
        request, reply = method.request.DESCRIPTOR, method.reply.DESCRIPTOR
        message = filled(request)
        # A field that holds an object is one in JSON, other than json_format has it.
        text = compact(json_format.MessageToDict(message)).replace(
            json.dumps(OBJECT, ensure_ascii=False).encode(), OBJECT.encode()
        )
        write("check", request.name, choice(request) + packed(message))
        write("pbjson", f"read_{request.name}", b"\0" + choice(request) + text)
        write("pbjson", f"write_{reply.name}", b"\2" + choice(reply) + packed(filled(reply)))
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a", syntax="proto3")
    item = file.message_type.add(name="Item")
    item.field.add(
        name="an_item", json_name="anItem", number=1, label=3, type=11, type_name=".a.Item"
    )
    item.field.add(name="kind", json_name="kind", number=2, label=1, type=14, type_name=".a.Kind")
    item.oneof_decl.add(name="one")
    item.field.add(name="n", json_name="n", number=3, label=1, type=5, oneof_index=0)
    file.enum_type.add(name="Kind").value.add(name="KIND_NONE", number=0)
    method = file.service.add(name="S").method.add(
        name="M", input_type=".a.Item", output_type=".a.Item"
    )
    binding = method.options.Extensions[options_pb2.rules].http
    for _ in range(3):
        binding.get = "/a"
        binding = binding.additional_bindings.add()
    write("pbjson", "descriptors", b"\3" + packed(descriptor_pb2.FileDescriptorSet(file=[file])))


def compact(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def envelopes() -> None:
    login = METHODS["usher.v1.AuthService/Login"]
    pair = [envelope_pb2.Pair(key="k", value="v")]
    short = envelope_pb2.Request(method_id=1, call_id=2, payload=b"p")
    by_name = envelope_pb2.Request(
        method=login.name, timeout_ms=5000, call_id=1 << 40, credential=b"ush_live_x",
        on_behalf_of=b"e30.e30.AA", via=b"ush_live_y", idempotency_key=b"0123456789abcdef",
        trace=b"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01", at_least=bytes(16),
        org="01234567-89ab-7def-8123-456789abcdef", client_ip="192.0.2.1", metadata=pair * 2,
        payload=packed(filled(login.request.DESCRIPTOR)),
    )  # fmt: skip
    good = envelope_pb2.Response(
        call_id=3, replayed=True, revision=bytes(range(16)), metadata=pair, payload=b"reply"
    )
    bad = envelope_pb2.Response(code=3, message="no", call_id=4, retry_after_ms=50)
    bad.details.add().error_info.CopyFrom(
        envelope_pb2.ErrorInfo(reason="INVALID_FIELDS", domain="usher", metadata=pair)
    )
    violations = bad.details.add().bad_request.violations
    for at in range(2):
        violations.add(field=f"profile.a[{at}]", description="is too long")
    bad.details.add().retry_info.retry_after_ms = 50
    write("envelope", "request_short", packed(short))
    write("envelope", "request_whole", packed(by_name))
    write("envelope", "response_good", packed(good))
    write("envelope", "response_bad", packed(bad))
    write("envelope", "batch", packed(envelope_pb2.BatchRequest(items=[short, by_name, short])))
    write("envelope", "batch_reply", packed(envelope_pb2.BatchReply(items=[good, bad])))


def routes() -> None:
    """A template and a path that it fits: those of gen/openapi.json, and each shape beside."""
    shapes = {
        "segments": "/v1/{a=orgs/*/parts/*}/y/{b}\n/v1/orgs/o%2F1/parts/p/y/%7E",
        "rest": "/v1/files/{a=**}\n/v1/files/a/b%2Fc/%64",
        "rest_verb": "/v1/files/{a=**}:stat\n/v1/files/a/b:stat",
        "star": "/v1/any/*/z\n/v1/any/thing/z",
        "below": "/v1/deep/{wrapped.name}\n/v1/deep/%C3%A4+b",
        "colon": "/v1/bots/{a}:resolve\n/v1/bots/x:y:resolve",
        "dots": "/v1/users/{a}\n/v1/users/%2e%2E",
        "escape": "/v1/users/{a}\n/v1/users/%zz%00%ff",
        "not_closed": "/v1/{a=x/{b}}\n/v1/x/y",
    }
    for path in json.loads((TOP / "gen/openapi.json").read_text())["paths"]:
        name = path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
        shapes[name.replace(":", "-")] = f"{path}\n{path.replace('{', '').replace('}', '')}"
    for name, text in shapes.items():
        write("route", name, text.encode())


def secrets() -> None:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for kind in ("live", "refresh", "reset", "invite"):
        text = f"ush_{kind}_0198f3c05b7a7d51a2c4e0f1a2b3c4d5_{digits[:43]}"
        write("secret", f"{kind}_without_checksum", b"\1" + text.encode())
        number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=32).digest()[:8], "big")
        for _ in range(6):
            number, digit = divmod(number, 62)
            text += digits[digit]
        write("secret", kind, b"\0" + text.encode())
    write("secret", "code", b"\x00012345")


def main() -> None:
    for target in ("check", "envelope", "pbjson", "route", "secret"):
        shutil.rmtree(CORPUS / target, ignore_errors=True)
        (CORPUS / target).mkdir(parents=True)
    messages()
    envelopes()
    routes()
    secrets()


if __name__ == "__main__":
    main()
