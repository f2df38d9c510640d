"""The other side of pbjson_conformance_test: Protobuf's own json_format.

Speaks frames over stdin and stdout: a kind (one byte), a length (4 bytes, little-endian), the
bytes. We ask: D, a FileDescriptorSet; P, an encoded message to be written as JSON; J, JSON to be
encoded. The test answers each with K and the result, or E and a message. We complain on stderr and
exit 1 when the two sides differ.
"""

import json
import random
import struct
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

ROUNDS = 600
SEED = 20260131


def ask(kind, payload):
    sys.stdout.buffer.write(kind + struct.pack("<I", len(payload)) + payload)
    sys.stdout.buffer.flush()
    answer = sys.stdin.buffer.read(1)
    (size,) = struct.unpack("<I", sys.stdin.buffer.read(4))
    return answer == b"K", sys.stdin.buffer.read(size)


def load(proto_dir):
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(
            ["protoc", "-I", proto_dir, "--include_imports", "--descriptor_set_out=" + out.name,
             "everything.proto"], check=True)
        encoded = out.read()
    files = descriptor_pb2.FileDescriptorSet.FromString(encoded)
    return encoded, message_factory.GetMessages(files.file)["usher.test.Everything"]


INTEGERS = {
    Field.TYPE_INT32: (-2**31, 2**31 - 1), Field.TYPE_SINT32: (-2**31, 2**31 - 1),
    Field.TYPE_SFIXED32: (-2**31, 2**31 - 1), Field.TYPE_INT64: (-2**63, 2**63 - 1),
    Field.TYPE_SINT64: (-2**63, 2**63 - 1), Field.TYPE_SFIXED64: (-2**63, 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1), Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_UINT64: (0, 2**64 - 1), Field.TYPE_FIXED64: (0, 2**64 - 1),
}
CHARACTERS = "aZ09_ \t\n\"\\/<>&'\x7f\x01\u00e4\u20ac\u2028\U0001f600"


def random_text(rand):
    return "".join(rand.choice(CHARACTERS) for _ in range(rand.randrange(12)))


def random_float(rand, narrow):
    special = [0.0, -0.0, 1.0, -1.5, 0.1, 1e10, 1e-10, 123456789.0, float("inf"), float("-inf"),
               float("nan"), 3.4e38 if narrow else 1.7976931348623157e308,
               1e-45 if narrow else 5e-324]
    if rand.random() < 0.5:
        return rand.choice(special)
    form = "<f" if narrow else "<d"
    value = struct.unpack(form, rand.randbytes(struct.calcsize(form)))[0]
    return float("nan") if value != value else value


def random_scalar(rand, field):
    if field.type in INTEGERS:
        low, high = INTEGERS[field.type]
        return rand.choice([low, high, 0, 1, rand.randint(low, high), rand.randint(0, 1000)])
    if field.type in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT):
        return random_float(rand, field.type == Field.TYPE_FLOAT)
    if field.type == Field.TYPE_BOOL:
        return rand.random() < 0.5
    if field.type == Field.TYPE_STRING:
        return random_text(rand)
    if field.type == Field.TYPE_BYTES:
        return rand.randbytes(rand.randrange(20))
    known = [value.number for value in field.enum_type.values]
    return rand.choice(known + ([77, -1] if field.enum_type.name == "Colour" else []))


def fill_value(rand, value, depth):
    kind = rand.randrange(6 if depth else 4)
    if kind == 0:
        value.null_value = 0
    elif kind == 1:
        value.number_value = rand.choice([0.0, -1.0, 1.5, 1e300, 12345678.0])
    elif kind == 2:
        value.string_value = random_text(rand)
    elif kind == 3:
        value.bool_value = rand.random() < 0.5
    elif kind == 4:
        fill_struct(rand, value.struct_value, depth - 1)
        value.struct_value.SetInParent()
    else:
        fill_list(rand, value.list_value, depth - 1)
        value.list_value.SetInParent()


def fill_struct(rand, message, depth):
    for _ in range(rand.randrange(3)):
        fill_value(rand, message.fields[random_text(rand)], depth)


def fill_list(rand, message, depth):
    for _ in range(rand.randrange(3)):
        fill_value(rand, message.values.add(), depth)


def fill_message(rand, message, depth):
    name = message.DESCRIPTOR.full_name
    if name == "google.protobuf.Timestamp":
        message.seconds = rand.choice([0, -1, 1700000000, -62135596800, 253402300799,
                                       rand.randint(-62135596800, 253402300799)])
        message.nanos = rand.choice([0, 1, 1000, 1000000, 999999999, 120000000])
    elif name == "google.protobuf.Duration":
        # Neither is ever 0, so that two that are merged never have one number of either sign.
        sign = rand.choice([1, -1])
        message.seconds = sign * rand.choice([1, 315576000000 - 1, 90])
        message.nanos = sign * rand.choice([1, 1000, 1000000, 999999999, 500000000])
    elif name == "google.protobuf.FieldMask":
        message.paths.extend(rand.sample(["a", "user_name", "a.b_c.d", "x1_y"], rand.randrange(4)))
    elif name == "google.protobuf.Struct":
        fill_struct(rand, message, 3)
    elif name == "google.protobuf.Value":
        fill_value(rand, message, 3)
    elif name == "google.protobuf.ListValue":
        fill_list(rand, message, 3)
    else:
        fill_fields(rand, message, depth)
    message.SetInParent()


def fill_map(rand, message, field, depth):
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    entries = getattr(message, field.name)
    for _ in range(rand.randrange(4)):
        at = random_scalar(rand, key)
        if value.type == Field.TYPE_MESSAGE:
            fill_message(rand, entries[at], depth)
        else:
            entries[at] = random_scalar(rand, value)


def fill_fields(rand, message, depth):
    chance = 0.9 if len(message.DESCRIPTOR.fields) < 3 else rand.choice([0.05, 0.2, 0.6])
    for field in message.DESCRIPTOR.fields:
        is_message = field.type == Field.TYPE_MESSAGE
        if rand.random() > chance or (is_message and depth == 0):
            continue
        if is_message and field.message_type.GetOptions().map_entry:
            fill_map(rand, message, field, depth - 1)
        elif field.label == Field.LABEL_REPEATED:
            items = getattr(message, field.name)
            for _ in range(rand.randrange(4)):
                if is_message:
                    fill_message(rand, items.add(), depth - 1)
                else:
                    items.append(random_scalar(rand, field))
        elif is_message:
            fill_message(rand, getattr(message, field.name), depth - 1)
        else:
            setattr(message, field.name, random_scalar(rand, field))


def canonical(message):
    return message.SerializeToString(deterministic=True)


def complain(what, *details):
    print(what, *details, sep="\n", file=sys.stderr)
    sys.exit(1)


def same_float(ours, theirs):
    """json_format writes the smallest floats with more digits than needed. (That doubles are exact
    is seen when they come back.)"""
    if not isinstance(ours, float) or not isinstance(theirs, float):
        return False
    return 0 < abs(ours) < 1e-37 and struct.pack("<f", ours) == struct.pack("<f", theirs)


def difference(ours, theirs, place="$"):
    """Where two JSON values differ first, or None."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        found = (difference(ours[key], theirs[key], f"{place}.{key}") for key in ours)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        found = (difference(*pair, f"{place}[{i}]") for i, pair in enumerate(zip(ours, theirs)))
    elif ours == theirs and isinstance(ours, bool) == isinstance(theirs, bool):
        return None
    elif same_float(ours, theirs):
        return None
    else:
        return f"{place}: ours {ours!r}, theirs {theirs!r}"
    return next((one for one in found if one), None)


def check_same_json(what, text, message):
    expected = json_format.MessageToJson(message, including_default_value_fields=True)
    differs = difference(json.loads(text), json.loads(expected))
    if differs:
        complain(what, differs)


def check_to_json(everything, message):
    encoded = message.SerializeToString()
    ok, text = ask(b"P", encoded)
    if not ok:
        complain("we refuse to write", repr(message), text.decode())
    check_same_json("written in another way", text, message)
    if canonical(json_format.Parse(text, everything())) != canonical(message):
        complain("does not come back", text.decode(), repr(message))


def check_from_json(rand, everything, message):
    text = json_format.MessageToJson(
        message, preserving_proto_field_name=rand.random() < 0.3,
        including_default_value_fields=rand.random() < 0.3,
        use_integers_for_enums=rand.random() < 0.2, indent=rand.choice([0, 2]))
    ok, encoded = ask(b"J", text.encode())
    if not ok:
        complain("we refuse to read", text, encoded.decode())
    if canonical(everything.FromString(encoded)) != canonical(message):
        complain("read in another way", text, repr(everything.FromString(encoded)))


def check_merge(everything, first, second):
    """Two encodings behind each other are one message, merged."""
    both = first.SerializeToString() + second.SerializeToString()
    merged = everything.FromString(both)
    ok, text = ask(b"P", both)
    if not ok:
        complain("we refuse to merge", text.decode())
    check_same_json("merged in another way", text, merged)


def check_wire(everything):
    """Packed where it was not, and not where it was; the last of several counts."""
    cases = [
        bytes([39 * 8 % 128 + 2 | 128, 39 * 8 >> 7, 2, 5, 6]),  # loose_int32s, packed
        b"\xc8\x01\x07\xc8\x01\x08",                            # int32s, each alone
        b"\xca\x01\x01\x07\xc8\x01\x08\xca\x01\x02\x09\x0a",    # and both
        b"\x28\x01\x28\x02",                                    # an_int32 twice
        b"\x2a\x01\x07",                                        # an_int32 as bytes: not known
    ]
    for encoded in cases:
        ok, text = ask(b"P", encoded)
        if not ok:
            complain("we refuse to read", encoded.hex(), text.decode())
        check_same_json("another reading of " + encoded.hex(), text,
                        everything.FromString(encoded))


ACCEPTED = [
    '{}', '{"aBool":null,"int32s":null,"aMessage":null,"byString":null}',
    '{"an_int32":1}', '{"anInt32":"-2147483648"}', '{"anInt32":1.0}', '{"anInt32":1e2}',
    '{"anInt32":100000.000}', '{"anInt32":12345e-0}', '{"anInt64":9007199254740993}',
    '{"anInt64":"-9223372036854775808"}', '{"anUint64":18446744073709551615}',
    '{"aDouble":"NaN"}', '{"aFloat":"-Infinity"}', '{"aDouble":"1.5"}', '{"aDouble":1}',
    '{"aColour":"COLOUR_RED"}', '{"aColour":5}', '{"aColour":99}', '{"aColour":-3}',
    '{"someBytes":"_-8="}', '{"someBytes":"_-8"}', '{"someBytes":"/+8="}', '{"someBytes":""}',
    '{"aTime":"2026-01-31T12:00:00.123456789+05:30"}', '{"aTime":"0001-01-01T00:00:00Z"}',
    '{"aDuration":"-0.5s"}', '{"aDuration":"0s"}', '{"aDuration":"-90s"}', '{"aDuration":"315576000000s"}', '{"aMask":""}',
    '{"aMask":"a,userName.x"}', '{"anEmpty":{}}', '{"aValue":null}', '{"aValue":[1,{"a":null}]}',
    '{"wInt64":"5"}', '{"wString":null}', '{"values":[null,1]}', '{"choiceText":"","maybeText":""}',
    '{"choiceText":null,"choiceNumber":1}', '{"byBool":{"true":"a","false":"b"}}',
    '{"byInt32":{"-5":"7"}}', '{"quite-another name":"x"}', '{"odd__name_":"x"}',
    '{"aMessage":{"aMessage":{}}}', '{"byUint64":{"1":"COLOUR_BLUE"}}', '{"maybeNumber":0}',
]
REFUSED = [
    '', '[]', '1', 'null', '{"nothing":1}', '{"aBool":1}', '{"aBool":"true"}', '{"anInt32":1.5}',
    '{"anInt32":true}', '{"anInt32":"1.5"}', '{"anInt32":2147483648}', '{"anInt32":"x"}',
    '{"anInt32":""}', '{"anInt32":" 1"}', '{"anUint32":-1}', '{"anUint64":18446744073709551616}',
    '{"anInt64":9223372036854775808}', '{"anInt32":[1]}', '{"aString":1}', '{"aString":{}}',
    '{"aDouble":"x"}', '{"aDouble":1e400}', '{"aFloat":1e39}', '{"aDouble":true}',
    '{"aColour":"RED"}', '{"aColour":1.5}', '{"someBytes":1}', '{"aTime":"2026-01-31"}',
    '{"aTime":1}', '{"aTime":"2026-02-30T00:00:00Z"}', '{"aTime":"2026-01-31T00:00:00"}',
    '{"aTime":"0000-01-01T00:00:00Z"}', '{"aTime":"0001-01-01T00:00:00+00:01"}',
    '{"aTime":"9999-12-31T23:59:59-00:01"}', '{"aTime":"2026-01-31T12:00:00.1234567890Z"}',
    '{"aDuration":"1"}', '{"aDuration":"315576000001s"}', '{"aDuration":"1.1234567890s"}',
    '{"aMask":"user_name"}', '{"int32s":1}', '{"int32s":[null]}', '{"int32s":{}}',
    '{"byString":[]}', '{"byString":{"a":null}}', '{"byInt32":{"x":1}}', '{"byBool":{"1":"a"}}',
    '{"byInt32":{"1":1,"1":2}}', '{"aMessage":1}', '{"aMessage":[]}', '{"messages":[null]}',
    '{"choiceText":"a","choiceNumber":1}', '{"aBool":true,"aBool":true}',
    '{"aBool":true,"a_bool":true}', '{"aStruct":1}', '{"aList":{}}', '{"wInt64":{"value":1}}',
    '{"aString":"\\ud800"}', '{"anEmpty":{"a":1}}', '{"anEmpty":[]}',
]


def python_reads(everything, text):
    try:
        return json_format.Parse(text, everything())
    except (json_format.ParseError, UnicodeError, ValueError):
        return None


def check_texts(everything):
    for text in ACCEPTED:
        theirs = python_reads(everything, text)
        ok, encoded = ask(b"J", text.encode())
        if theirs is None or not ok:
            complain("should be accepted", text, str(theirs), encoded.decode(errors="replace"))
        if canonical(everything.FromString(encoded)) != canonical(theirs):
            complain("read in another way", text, repr(everything.FromString(encoded)))
    for text in REFUSED:
        ok, _ = ask(b"J", text.encode())
        # json_format lets through a few that the mapping's text does not.
        if ok:
            complain("should be refused", text, "by json_format: "
                     + ("accepted" if python_reads(everything, text) is not None else "refused"))


def main():
    encoded, everything = load(sys.argv[1])
    ok, why = ask(b"D", encoded)
    if not ok:
        complain("the descriptors are refused", why.decode())
    rand = random.Random(SEED)
    check_texts(everything)
    check_wire(everything)
    before = everything()
    for _ in range(ROUNDS):
        message = everything()
        fill_fields(rand, message, 3)
        check_to_json(everything, message)
        check_from_json(rand, everything, message)
        check_merge(everything, before, message)
        before = message


main()
