"""HTTP as others write it: bytes, and the one answer that the bridge has for them.

Each row is sent in three ways: alone, with a request behind it in the same packet, and in small
pieces. The answer must be the same, and then either the connection is kept, and what stands behind is
answered too, or it is closed, and what stands behind is never taken for a request.

Where RFC 9110 and 9112 leave a choice, the bridge refuses what two readers could read in two ways, and
closes. nginx forgives more: bare LF, HTTP/0.9, a list of equal lengths, unknown expectations."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
from typing import Any

import pytest

import usher
from usher_testing import SOURCE, Bridge, HttpReply, Organisation, RawConnection

HOST = b"Host: a.example\r\n"
GET = b"GET /health HTTP/1.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
JSON = b"Content-Type: application/json\r\n"
CALL = b"POST /v1/chatbots/@CHATBOT@:resolve HTTP/1.%d\r\nX-API-Key: @KEY@\r\n"
BODY = b'{"message":"What does it cost, and who says so?"}'
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKS = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
END = b"\r\n"

# What stands behind each row.
AFTER = b"GET /after HTTP/1.1\r\n" + HOST + END
AFTER_REASON = "NO_SUCH_PATH"

TARGET_BYTES_MAX = 8192
HEADERS_MAX = 100
HEADER_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 1 << 20


class Then(enum.Enum):
    KEPT = enum.auto()
    CLOSED = enum.auto()
    # Without an answer.
    SILENT = enum.auto()
    # libmicrohttpd before 1.0 writes the header of this reply twice; then it closes.
    CLOSED_GARBLED = enum.auto()


KEPT, CLOSED, SILENT, GARBLED = Then


@dataclasses.dataclass(frozen=True)
class Row:
    sent: bytes
    status: int
    # Of a problem. None: no problem; for refusals, the library's own text.
    reason: str | None = None
    then: Then = KEPT
    # Headers of the answer; None: there is none of that name.
    headers: dict[str, str | None] = dataclasses.field(default_factory=dict)
    # 100 Continue comes first.
    continues: bool = False
    is_long: bool = False


def ok(sent: bytes, status: int = 200, then: Then = KEPT, **options: Any) -> Row:
    return Row(sent, status, None, then, **options)


def malformed(sent: bytes) -> Row:
    return Row(sent, 400, "MALFORMED_REQUEST", CLOSED)


def by_library(sent: bytes, status: int = 400, then: Then = CLOSED, **options: Any) -> Row:
    return Row(sent, status, None, then, **options)


def no_request(sent: bytes) -> Row:
    """The library sees no method and target in it."""
    return Row(sent, 0, None, SILENT)


def get(target: bytes, *headers: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(headers) + END


def posted(*headers: bytes) -> bytes:
    return CALL % 1 + HOST + JSON + b"".join(headers) + END


REQUEST_LINES = {
    "plain": ok(GET + HOST + END),
    "an empty line in front": ok(b"\r\n" + GET + HOST + END),
    "many empty lines in front": ok(b"\r\n" * 5 + GET + HOST + END),
    "two spaces behind the method": malformed(b"GET  /health HTTP/1.1\r\n" + HOST + END),
    "two spaces behind the target": malformed(b"GET /health  HTTP/1.1\r\n" + HOST + END),
    "a tab between": no_request(b"GET\t/health\tHTTP/1.1\r\n" + HOST + END),
    "a space in front": no_request(b" GET /health HTTP/1.1\r\n" + HOST + END),
    "a space behind the version": by_library(b"GET /health HTTP/1.1 \r\n" + HOST + END),
    "a space in the target": by_library(b"GET /hea lth HTTP/1.1\r\n" + HOST + END),
    "a bare LF behind it": malformed(b"GET /health HTTP/1.1\n" + HOST + END),
    "a bare CR in it": by_library(b"GET /health\rHTTP/1.1\r\n" + HOST + END),
    "NUL in the target": malformed(b"GET /hea\0lth HTTP/1.1\r\n" + HOST + END),
    "no target": by_library(b"GET HTTP/1.1\r\n" + HOST + END),
    "no version: HTTP/0.9": by_library(b"GET /health\r\n"),
    "HTTP/0.9 by name": by_library(b"GET /health HTTP/0.9\r\n" + END, 505),
    "HTTP/1.0": ok(b"GET /health HTTP/1.0\r\n" + END, then=CLOSED),
    "HTTP/1.0 and keep-alive": ok(
        b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n" + END,
        headers={"Connection": "Keep-Alive"},
    ),
    "HTTP/1.2": ok(b"GET /health HTTP/1.2\r\n" + HOST + END),
    "HTTP/2.0": by_library(b"GET /health HTTP/2.0\r\n" + HOST + END, 505),
    "HTTP/3.7": by_library(b"GET /health HTTP/3.7\r\n" + HOST + END, 505),
    "HTTP/11": by_library(b"GET /health HTTP/11\r\n" + HOST + END),
    "HTTP/1.10": by_library(b"GET /health HTTP/1.10\r\n" + HOST + END),
    "http/1.1": by_library(b"GET /health http/1.1\r\n" + HOST + END),
    "HTTP/2's preface": by_library(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a TLS ClientHello": no_request(
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + b"r" * 64 + b"\r\n\r\n"
    ),
    "a binary line": no_request(bytes(range(128, 256)) + b"\r\n\r\n"),
    # libmicrohttpd before 1.0 takes a line that begins with NUL for an empty one.
    "a line that begins with NUL in front": ok(b"\0SP\0\0\x30\0\0\r\n" + GET + HOST + END),
}

METHODS = {
    "HEAD": ok(b"HEAD /health HTTP/1.1\r\n" + HOST + END),
    "HEAD of nothing": Row(b"HEAD /nothing HTTP/1.1\r\n" + HOST + END, 404),
    "HEAD of what is POSTed": Row(
        b"HEAD /v1/auth/login HTTP/1.1\r\n" + HOST + END, 405, headers={"Allow": "POST, OPTIONS"}
    ),
    "OPTIONS": ok(
        b"OPTIONS /health HTTP/1.1\r\n" + HOST + END, 204, headers={"Allow": "GET, HEAD, OPTIONS"}
    ),
    "OPTIONS of everything": ok(
        b"OPTIONS * HTTP/1.1\r\n" + HOST + END,
        204,
        headers={"Allow": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},
    ),
    "OPTIONS of nothing": Row(b"OPTIONS /nothing HTTP/1.1\r\n" + HOST + END, 404, "NO_SUCH_PATH"),
    "OPTIONS with a body": ok(
        b"OPTIONS /health HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", 204
    ),
    "a verb that the page has not": Row(
        b"DELETE /health HTTP/1.1\r\n" + HOST + END,
        405,
        "METHOD_NOT_ALLOWED",
        headers={"Allow": "GET, HEAD, OPTIONS"},
    ),
    "a verb that the route has not": Row(
        b"PUT /v1/auth/login HTTP/1.1\r\n" + HOST + END,
        405,
        "METHOD_NOT_ALLOWED",
        headers={"Allow": "POST, OPTIONS"},
    ),
    "a verb in a header": ok(get(b"/health", b"X-HTTP-Method-Override: DELETE\r\n")),
    "an unknown method": Row(
        b"BREW /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED
    ),
    "a method in small letters": Row(
        b"get /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED
    ),
    "a method of 2,000 letters": Row(
        b"A" * 2000 + b" /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED
    ),
    "a method that is no token": malformed(b"G(T /health HTTP/1.1\r\n" + HOST + END),
    "TRACE": Row(b"TRACE /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED),
    "TRACK": Row(b"TRACK /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED),
    "CONNECT": Row(
        b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n" + END,
        501,
        "METHOD_UNKNOWN",
        CLOSED,
    ),
    "CONNECT of a path": Row(
        b"CONNECT /health HTTP/1.1\r\n" + HOST + END, 501, "METHOD_UNKNOWN", CLOSED
    ),
}

NOTHING = {"status": 404, "reason": "NO_SUCH_PATH"}
MALFORMED_PATH = {"status": 400, "reason": "MALFORMED_PATH"}
# It fits a template; who asks is looked at next.
TAKEN = {"status": 401, "reason": "CREDENTIAL_MISSING"}
TARGETS = {
    "an absolute address": ok(get(b"http://a.example/health")),
    "an absolute address in capitals": ok(get(b"HTTP://A.EXAMPLE/health")),
    "an absolute address of https": ok(get(b"https://a.example/health")),
    "an absolute address without a path": ok(get(b"http://a.example")),
    "an absolute address with a query alone": ok(get(b"http://a.example?x")),
    # RFC 9112 would have Host passed over; two names for one request are refused instead.
    "an absolute address of another host": malformed(get(b"http://b.example/health")),
    "an absolute address with a user": malformed(get(b"http://me@a.example/health")),
    "an absolute address without a host": malformed(get(b"http:///health")),
    "an absolute address of ftp": malformed(get(b"ftp://a.example/health")),
    "an authority": malformed(get(b"a.example:80")),
    "an asterisk": malformed(get(b"*")),
    "an asterisk and more": malformed(b"OPTIONS *x HTTP/1.1\r\n" + HOST + END),
    "no slash in front": malformed(get(b"health")),
    "a question mark alone": malformed(get(b"?x")),
    "a fragment": malformed(get(b"/health#x")),
    "a byte above ASCII": malformed(get(b"/h\xc3\xa4lth")),
    "a control character": malformed(get(b"/health\x07")),
    "DEL": malformed(get(b"/health\x7f")),
    "a backslash": Row(get(b"/v1\\..\\health"), **NOTHING),
    "two slashes in front": Row(get(b"//health"), **NOTHING),
    "two slashes within": Row(get(b"/v1//me"), **NOTHING),
    "a slash behind": Row(get(b"/health/"), **NOTHING),
    "another case": Row(get(b"/HEALTH"), **NOTHING),
    "an escaped letter": Row(get(b"/%68ealth"), **NOTHING),
    "a parameter of a segment": Row(get(b"/health;v=1"), **NOTHING),
    "a dot": Row(get(b"/./health"), **MALFORMED_PATH),
    "two dots": Row(get(b"/v1/../health"), **MALFORMED_PATH),
    "two dots at the end": Row(get(b"/v1/users/.."), **MALFORMED_PATH),
    "two dots and a parameter": Row(get(b"/v1/..;/health"), **NOTHING),
    "escaped dots": Row(get(b"/v1/%2e%2e/health"), **MALFORMED_PATH),
    "half escaped dots": Row(get(b"/v1/.%2E/health"), **MALFORMED_PATH),
    "dots escaped twice": Row(get(b"/v1/%252e%252e/health"), **NOTHING),
    "dots behind an escaped slash": Row(get(b"/v1/users/x%2f..%2f.."), **TAKEN),
    "an escaped slash": Row(get(b"/v1/users/a%2Fb"), **TAKEN),
    "an escaped NUL": Row(get(b"/v1/users/a%00b"), **MALFORMED_PATH),
    "an escape that is none": Row(get(b"/v1/users/%zz"), **MALFORMED_PATH),
    "an escape cut short": Row(get(b"/v1/users/%4"), **MALFORMED_PATH),
    "escapes that are no UTF-8": Row(get(b"/v1/users/%ff"), **MALFORMED_PATH),
    "an overlong slash in UTF-8": Row(get(b"/v1/users/%c0%af"), **MALFORMED_PATH),
    "a semicolon in a segment": Row(get(b"/v1/users/a;b"), **TAKEN),
    "an empty segment": Row(get(b"/v1/users/"), **NOTHING),
    "100 segments": Row(get(b"/a" * 100), **NOTHING),
    "1,000 dots": Row(get(b"/" + b"." * 1000), **NOTHING),
    "a query of a page": ok(get(b"/health?x=%&&=;")),
    "an empty query": ok(get(b"/health?")),
    "a query with an escape that is none": Row(
        get(b"/v1/users?status=%zz"), 400, "MALFORMED_QUERY"
    ),
    "a query with NUL": Row(get(b"/v1/users?page.token=%00"), 400, "MALFORMED_QUERY"),
    "a query with no UTF-8": Row(get(b"/v1/users?page.token=%ff"), 400, "MALFORMED_QUERY"),
    "a parameter twice": Row(get(b"/v1/users?page.size=1&page.size=2"), 400, "REPEATED_PARAMETER"),
    "an unknown parameter": Row(get(b"/v1/users?nothing=1"), 400, "UNKNOWN_PARAMETER"),
    "a parameter that fits no number": Row(get(b"/v1/users?page.size=x"), 400),
    "the longest address": Row(get(b"/" + b"a" * (TARGET_BYTES_MAX - 1)), **NOTHING),
    "an address one longer": Row(
        get(b"/" + b"a" * TARGET_BYTES_MAX), 414, "TARGET_TOO_LONG", CLOSED
    ),
    "an address of 20,000": Row(
        get(b"/" + b"a" * 20000), 414, "TARGET_TOO_LONG", CLOSED, is_long=True
    ),
    "an address of 70,000": by_library(get(b"/" + b"a" * 70000), 414, is_long=True),
    "a query of 70,000": by_library(get(b"/health?" + b"a" * 70000), 414, is_long=True),
}


def hosts(*lines: bytes) -> bytes:
    return GET + b"".join(b"Host: " + line + b"\r\n" for line in lines) + END


HOSTS = {
    "a port": ok(hosts(b"a.example:8080")),
    "an empty port": ok(hosts(b"a.example:")),
    "an address": ok(hosts(b"192.0.2.1:80")),
    "an address of version 6": ok(hosts(b"[2001:db8::1]:80")),
    "blanks around it": ok(hosts(b" \t a.example \t ")),
    "no Host": malformed(GET + END),
    "two Hosts": malformed(hosts(b"a.example", b"b.example")),
    "the same twice": malformed(hosts(b"a.example", b"a.example")),
    "an empty Host": malformed(hosts(b"")),
    "a Host with a path": malformed(hosts(b"a.example/x")),
    "a Host with a user": malformed(hosts(b"me@a.example")),
    "a Host with a space": malformed(hosts(b"a.example b.example")),
    "two in one line": malformed(hosts(b"a.example, b.example")),
    "a port that is none": malformed(hosts(b"a.example:x")),
    "a port above all": malformed(hosts(b"a.example:99999")),
    "two ports": malformed(hosts(b"a.example:80:80")),
    "brackets open": malformed(hosts(b"[2001:db8::1")),
    "brackets closed": malformed(hosts(b"2001:db8::1]")),
    "brackets within": malformed(hosts(b"a[b]c")),
    "brackets around a name": malformed(hosts(b"[a.example]")),
    "nothing but a port": malformed(hosts(b":80")),
    "bytes above ASCII": malformed(hosts(b"\xc3\xa4.example")),
    "longer than any name": malformed(hosts(b"a" * 300)),
    "a Host behind a blank": malformed(GET + b"Host : a.example\r\n" + END),
    "a Host that is folded": malformed(GET + b"Host: a.example\r\n b.example\r\n" + END),
    "two Hosts in HTTP/1.0": malformed(b"GET /health HTTP/1.0\r\n" + HOST + HOST + END),
    "names of others in other headers": ok(
        get(b"/health", b"X-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n")
    ),
}

HEADERS = {
    "the most headers": ok(get(b"/health", b"X-A: b\r\n" * (HEADERS_MAX - 1))),
    "one header more": Row(
        get(b"/health", b"X-A: b\r\n" * HEADERS_MAX), 431, "HEADER_TOO_LARGE", CLOSED
    ),
    "a long header": ok(get(b"/health", b"X-A: " + b"b" * 16000 + b"\r\n"), is_long=True),
    "a longer one": Row(
        get(b"/health", b"X-A: " + b"b" * HEADER_BYTES_MAX + b"\r\n"),
        431,
        "HEADER_TOO_LARGE",
        CLOSED,
        is_long=True,
    ),
    "a name of 17,000": Row(
        get(b"/health", b"X" * 17000 + b": b\r\n"), 431, "HEADER_TOO_LARGE", CLOSED, is_long=True
    ),
    "a header of 70,000": by_library(
        get(b"/health", b"X-A: " + b"b" * 70000 + b"\r\n"), 431, is_long=True
    ),
    "10,000 headers": by_library(get(b"/health", b"X-A: b\r\n" * 10000), 431, is_long=True),
    "a folded line": malformed(get(b"/health", b"X-A: b\r\n c\r\n")),
    "a line folded by a tab": malformed(get(b"/health", b"X-A: b\r\n\tc\r\n")),
    "a folded line in front": malformed(GET + b" X-A: b\r\n" + HOST + END),
    "a folded empty line": malformed(get(b"/health", b"X-A: b\r\n \r\n")),
    "NUL in a value": malformed(get(b"/health", b"X-A: b\0c\r\n")),
    "NUL behind a value": malformed(get(b"/health", b"X-A: b\0\r\n")),
    "NUL in a name": by_library(get(b"/health", b"X\0A: b\r\n")),
    "a control character": malformed(get(b"/health", b"X-A: \x01\r\n")),
    "DEL in a value": malformed(get(b"/health", b"X-A: \x7f\r\n")),
    "a tab in a value": ok(get(b"/health", b"X-A: a\tb\r\n")),
    "bytes above ASCII in a value": ok(get(b"/health", b"X-A: \xe4\xff\r\n")),
    "a bare CR in a value": malformed(get(b"/health", b"X-A: b\rc\r\n")),
    "a bare LF behind a line": malformed(get(b"/health", b"X-A: b\n")),
    # libmicrohttpd before 1.0 leaves no trace of what it was.
    "NUL and LF behind a line": ok(get(b"/health", b"X-A: b\0\n")),
    "a bare LF for the empty line": malformed(GET + HOST + b"\n"),
    "a space before the colon": malformed(get(b"/health", b"X-A : b\r\n")),
    "a tab before the colon": malformed(get(b"/health", b"X-A\t: b\r\n")),
    "a name that is no token": malformed(get(b"/health", b"X(A: b\r\n")),
    "a name above ASCII": malformed(get(b"/health", b"X-\xe4: b\r\n")),
    "an empty name": malformed(get(b"/health", b": b\r\n")),
    "no colon": by_library(get(b"/health", b"X-A\r\n")),
    "an empty value": ok(get(b"/health", b"X-A:\r\n")),
    "no blank behind the colon": ok(get(b"/health", b"X-A:b\r\n")),
    "two X-API-Keys": Row(posted(LENGTH, b"x-api-key: b\r\n") + BODY, 400, "HEADER_REPEATED"),
    "two Authorizations": Row(
        posted(LENGTH, b"Authorization: Bearer a\r\nAuthorization: Bearer a\r\n") + BODY,
        400,
        "HEADER_REPEATED",
    ),
    "two Content-Types": Row(posted(LENGTH, JSON) + BODY, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "two Idempotency-Keys": Row(
        posted(LENGTH, b"Idempotency-Key: 0123456789abcdef\r\n" * 2) + BODY, 400, "HEADER_REPEATED"
    ),
    "two Usher-Revisions": Row(
        get(b"/v1/me", b"Usher-Revision: x\r\nUsher-Revision: x\r\n"), 400, "HEADER_REPEATED"
    ),
    "two Usher-Orgs": Row(
        get(b"/v1/me", b"Usher-Org: x\r\nUsher-Org: x\r\n"), 400, "HEADER_REPEATED"
    ),
    "an Usher-Org that is no id": Row(get(b"/v1/me", b"Usher-Org: acme\r\n"), 400, "MALFORMED_ORG"),
    "Basic": Row(
        get(b"/v1/me", b"Authorization: Basic YTpi\r\n"),
        401,
        "UNKNOWN_SCHEME",
        headers={"WWW-Authenticate": 'Bearer realm="usher", error="invalid_token"'},
    ),
    "Bearer and nothing": Row(
        get(b"/v1/me", b"Authorization: Bearer\r\n"), 401, "MALFORMED_CREDENTIAL"
    ),
    "two tokens in one": Row(
        get(b"/v1/me", b"Authorization: Bearer a b\r\n"), 401, "MALFORMED_CREDENTIAL"
    ),
    "an empty key": Row(get(b"/v1/me", b"X-API-Key:\r\n"), 401, "MALFORMED_CREDENTIAL"),
    "nobody": Row(get(b"/v1/me"), **TAKEN, headers={"WWW-Authenticate": 'Bearer realm="usher"'}),
    "a token": ok(get(b"/v1/me", b"Authorization: Bearer @TOKEN@\r\n")),
    "a token, bearer in small letters": ok(get(b"/v1/me", b"authorization: bearer @TOKEN@\r\n")),
    "a key that is none and a token": Row(
        get(b"/v1/me", b"X-API-Key: x\r\nAuthorization: Bearer @TOKEN@\r\n"),
        401,
        "CREDENTIAL_INVALID",
    ),
    "a key and a token that is none": Row(
        get(b"/v1/chatbots/@CHATBOT@", b"X-API-Key: @KEY@\r\nAuthorization: Bearer x\r\n"),
        401,
        "CREDENTIAL_INVALID",
    ),
    "a key where a token belongs": Row(get(b"/v1/me", b"Authorization: Bearer @KEY@\r\n"), 403),
    "another Content-Type": Row(
        CALL % 1 + HOST + b"Content-Type: text/plain\r\n" + LENGTH + END + BODY,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "no Content-Type": Row(CALL % 1 + HOST + LENGTH + END + BODY, 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a form": Row(
        CALL % 1
        + HOST
        + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\na=b",
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "another charset": Row(
        CALL % 1
        + HOST
        + b"Content-Type: application/json; charset=latin1\r\n"
        + LENGTH
        + END
        + BODY,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "a compressed body": Row(
        posted(b"Content-Encoding: gzip\r\n", LENGTH) + BODY, 415, "UNSUPPORTED_MEDIA_TYPE"
    ),
    "a body compressed twice": Row(
        posted(b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", LENGTH) + BODY,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    "an Accept that does not fit": ok(get(b"/health", b"Accept: image/png\r\n")),
    "a Range": ok(get(b"/health", b"Range: bytes=0-1\r\n"), headers={"Content-Range": None}),
    "a condition": ok(get(b"/health", b"If-None-Match: *\r\nIf-Match: x\r\n")),
    "a cookie": ok(
        get(b"/health", b"Cookie: a=b; c\r\nCookie: =;;\r\n"), headers={"Set-Cookie": None}
    ),
}


def length(value: bytes, body: bytes = BODY) -> bytes:
    return posted(b"Content-Length: " + value + b"\r\n") + body


TOO_LARGE = {"status": 413, "reason": "BODY_TOO_LARGE", "then": CLOSED}
LENGTHS = {
    "a body": ok(length(b"%d" % len(BODY))),
    "zeroes in front": ok(length(b"000%d" % len(BODY))),
    "blanks around": ok(length(b" \t%d" % len(BODY))),
    # Allowed, but libmicrohttpd before 1.0 keeps the blank.
    "a blank behind": by_library(length(b"%d " % len(BODY)), then=GARBLED),
    "two lengths": malformed(posted(LENGTH, b"Content-Length: 5\r\n") + BODY),
    "the same twice": malformed(posted(LENGTH, LENGTH) + BODY),
    "none in the first of two": by_library(
        posted(b"Content-Length:\r\n", LENGTH) + BODY, then=GARBLED
    ),
    "a list": by_library(length(b"%d, %d" % (len(BODY), len(BODY))), then=GARBLED),
    "a sign": by_library(length(b"+%d" % len(BODY)), then=GARBLED),
    "below zero": by_library(length(b"-1"), then=GARBLED),
    "hexadecimal": by_library(length(b"0x10"), then=GARBLED),
    "a fraction": by_library(length(b"58.0"), then=GARBLED),
    "empty": by_library(length(b""), then=GARBLED),
    "2^64": by_library(length(b"18446744073709551616"), 413, then=GARBLED),
    "2^64 - 1": Row(length(b"18446744073709551615"), **TOO_LARGE),
    "one above the most": Row(length(b"%d" % (BODY_BYTES_MAX + 1)), **TOO_LARGE),
    "the most": ok(
        length(b"%d" % BODY_BYTES_MAX, BODY + b" " * (BODY_BYTES_MAX - len(BODY))), is_long=True
    ),
    "a blank before the colon": malformed(posted(b"Content-Length : 5\r\n") + BODY),
    # It stands for {}.
    "no body where one belongs": ok(posted()),
    "an empty one": ok(length(b"0", b"")),
    "a body for a page": ok(get(b"/health", b"Content-Length: 5\r\n") + b"hello"),
    "a body for a GET of a route": Row(
        get(b"/v1/me", b"Authorization: Bearer @TOKEN@\r\n", JSON, b"Content-Length: 2\r\n")
        + b"{}",
        400,
        "BODY_NOT_TAKEN",
    ),
    "a body that looks like a request": Row(
        posted(b"Content-Length: %d\r\n" % len(AFTER)) + AFTER, 400
    ),
}


def coded(coding: bytes, chunks: bytes = CHUNKS) -> bytes:
    return posted(b"Transfer-Encoding: " + coding + b"\r\n") + chunks


def last(sent: bytes) -> Row:
    """libmicrohttpd before 1.0 takes for chunks what others don't, so nothing follows them."""
    return ok(sent, then=CLOSED, headers={"Connection": "close"})


UNKNOWN_CODING = {"status": 501, "reason": "TRANSFER_CODING_UNKNOWN", "then": CLOSED}
CODINGS = {
    "chunked": last(coded(b"chunked")),
    "Chunked": last(coded(b"Chunked")),
    "length and coding": malformed(posted(LENGTH, CHUNKED) + CHUNKS),
    "coding and length": malformed(posted(CHUNKED, LENGTH) + CHUNKS),
    "a length that is none, and coding": malformed(
        posted(b"Content-Length: x\r\n", CHUNKED) + CHUNKS
    ),
    "chunked twice": malformed(posted(CHUNKED, CHUNKED) + CHUNKS),
    "chunked twice in a line": Row(coded(b"chunked, chunked"), **UNKNOWN_CODING),
    "gzip below": Row(coded(b"gzip, chunked"), **UNKNOWN_CODING),
    "gzip above": Row(coded(b"chunked, gzip"), **UNKNOWN_CODING),
    "identity": Row(coded(b"identity"), **UNKNOWN_CODING),
    "nearly chunked": Row(coded(b"xchunked"), **UNKNOWN_CODING),
    "quoted": Row(coded(b'"chunked"'), **UNKNOWN_CODING),
    "a parameter": Row(coded(b"chunked;a=b"), **UNKNOWN_CODING),
    "a blank behind": Row(coded(b"chunked "), **UNKNOWN_CODING),
    "a vertical tab in front": malformed(coded(b"\x0bchunked")),
    "no coding": Row(coded(b""), **UNKNOWN_CODING),
    "a folded coding": malformed(posted(b"Transfer-Encoding:\r\n chunked\r\n") + CHUNKS),
    "a blank before the colon": malformed(posted(b"Transfer-Encoding : chunked\r\n") + CHUNKS),
    "in HTTP/1.0": malformed(CALL % 0 + JSON + CHUNKED + END + CHUNKS),
    "an extension": last(coded(b"chunked", b"%x;a=b\r\n%s\r\n0;c\r\n\r\n" % (len(BODY), BODY))),
    "zeroes in front of a size": last(
        coded(b"chunked", b"000000%x\r\n%s\r\n00\r\n\r\n" % (len(BODY), BODY))
    ),
    "many chunks": last(
        coded(b"chunked", b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n")
    ),
    "a trailer": last(coded(b"chunked", CHUNKS[:-2] + b"X-A: b\r\n\r\n")),
    "a trailer that would change the request": last(
        coded(b"chunked", CHUNKS[:-2] + b"Content-Length: 5\r\nHost: evil\r\nX-API-Key: x\r\n\r\n")
    ),
    "a bare LF behind a size": last(coded(b"chunked", b"%x\n%s\r\n0\n\r\n" % (len(BODY), BODY))),
    "a bare LF behind a chunk": last(coded(b"chunked", b"%x\r\n%s\n0\r\n\r\n" % (len(BODY), BODY))),
    # Who reads an extension up to CR LF takes what stands behind this row for the chunk.
    "a bare LF in an extension": last(
        coded(b"chunked", b"%x;\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
    ),
    "a bare LF behind a trailer": last(coded(b"chunked", CHUNKS[:-2] + b"X-A: b\n\r\n")),
    "a bare LF at the end": last(coded(b"chunked", CHUNKS[:-2] + b"\n")),
    "of a problem": Row(get(b"/nothing", CHUNKED) + CHUNKS, **NOTHING, then=CLOSED),
    "no chunk": last(coded(b"chunked", b"0\r\n\r\n")),
    "a size that is none": by_library(coded(b"chunked", b"x\r\n\r\n")),
    "an empty size": by_library(coded(b"chunked", b"\r\n" + BODY + b"\r\n0\r\n\r\n")),
    "a size in 0x": by_library(coded(b"chunked", b"0x5\r\nhello\r\n0\r\n\r\n")),
    "a size below zero": by_library(coded(b"chunked", b"-1\r\n\r\n")),
    "a size with a blank in front": by_library(coded(b"chunked", b" 5\r\nhello\r\n0\r\n\r\n")),
    "a size of 2^64": by_library(coded(b"chunked", b"10000000000000000\r\n"), 413),
    "a size above the most": Row(
        coded(b"chunked", b"200000\r\n" + b" " * (BODY_BYTES_MAX + 65536)),
        **TOO_LARGE,
        is_long=True,
    ),
    "more than its size": by_library(coded(b"chunked", b"5\r\nhello, world\r\n0\r\n\r\n")),
    "chunks that together are too much": Row(
        coded(b"chunked", (b"8000\r\n" + b" " * 32768 + b"\r\n") * 34 + b"0\r\n\r\n"),
        **TOO_LARGE,
        is_long=True,
    ),
}

EXPECT = b"Expect: 100-continue\r\n"
EXPECTATION = {"status": 417, "reason": "EXPECTATION_UNKNOWN", "then": CLOSED}
EXPECTATIONS = {
    "100-continue": ok(posted(EXPECT, LENGTH) + BODY, continues=True),
    "100-Continue": ok(posted(b"Expect: 100-Continue\r\n", LENGTH) + BODY, continues=True),
    "100-continue, chunked": ok(posted(EXPECT, CHUNKED) + CHUNKS, continues=True, then=CLOSED),
    "in HTTP/1.0 it is passed over": ok(
        CALL % 0 + b"Connection: keep-alive\r\n" + JSON + EXPECT + LENGTH + END + BODY
    ),
    "refused without waiting for the body": Row(
        posted(EXPECT, b"Content-Length: 99999999\r\n"), **TOO_LARGE
    ),
    "another": Row(posted(b"Expect: magic\r\n", LENGTH) + BODY, **EXPECTATION),
    "another behind it": Row(
        posted(b"Expect: 100-continue, magic\r\n", LENGTH) + BODY, **EXPECTATION
    ),
    "another in front of it": Row(
        posted(b"Expect: magic\r\n", EXPECT, LENGTH) + BODY, **EXPECTATION
    ),
    "another in a line behind it": Row(
        posted(EXPECT, b"Expect: magic\r\n", LENGTH) + BODY, **EXPECTATION
    ),
    "an empty one": Row(posted(b"Expect:\r\n", LENGTH) + BODY, **EXPECTATION),
}

CONNECTIONS = {
    "close": ok(
        get(b"/health", b"Connection: close\r\n"), then=CLOSED, headers={"Connection": "close"}
    ),
    "Close in a list": ok(get(b"/health", b"Connection: x-a, Close\r\n"), then=CLOSED),
    "keep-alive and close": ok(get(b"/health", b"Connection: keep-alive, close\r\n"), then=CLOSED),
    "close in a line of its own": ok(
        get(b"/health", b"Connection: keep-alive\r\nConnection: close\r\n"), then=CLOSED
    ),
    "a name that only begins so": ok(get(b"/health", b"Connection: closed\r\n")),
    "a problem keeps": Row(get(b"/nothing"), **NOTHING),
    "close of a problem": Row(get(b"/nothing", b"Connection: close\r\n"), **NOTHING, then=CLOSED),
    "upgrade to h2c": ok(
        get(
            b"/health",
            b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
        ),
        headers={"Upgrade": None},
    ),
    "upgrade to a web socket": ok(
        get(
            b"/health", b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n"
        ),
        headers={"Upgrade": None},
    ),
    "upgrade to TLS": ok(get(b"/health", b"Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n")),
    "headers of a hop": ok(
        get(b"/health", b"Connection: host, content-length\r\nTE: trailers\r\n")
    ),
}

TABLE = {
    f"{group}: {name}": row
    for group, rows in {
        "line": REQUEST_LINES,
        "method": METHODS,
        "target": TARGETS,
        "host": HOSTS,
        "header": HEADERS,
        "length": LENGTHS,
        "coding": CODINGS,
        "expect": EXPECTATIONS,
        "connection": CONNECTIONS,
    }.items()
    for name, row in rows.items()
}


@pytest.fixture(scope="module")
def fill(client: usher.Client, org_a: Organisation):
    words = {
        b"@TOKEN@": org_a.tokens(client).access_token.encode(),
        b"@KEY@": org_a.api_key.encode(),
        b"@CHATBOT@": org_a.chatbot_id.encode(),
    }

    def filled(sent: bytes) -> bytes:
        for word, value in words.items():
            sent = sent.replace(word, value)
        return sent

    return filled


def check_answer(row: Row, reply: HttpReply | None) -> None:
    if row.then is SILENT:
        assert reply is None
        return
    assert reply is not None, "closed without an answer"
    assert reply.status == row.status, (reply.status, reply.body)
    by_library = row.status >= 400 and row.reason is None and row.then is not KEPT
    if row.reason is not None:
        reply.expect(row.status, row.reason)
    if not by_library:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert len(reply.headers["X-Request-Id"]) == 32
    for name, value in row.headers.items():
        assert reply.headers[name] == value, (name, reply.headers.items())
    if row.then is not KEPT:
        assert reply.headers["Connection"] == "close"


def check_end(row: Row, connection: RawConnection) -> None:
    if row.then is KEPT:
        last = connection.reply()
        assert last is not None, "closed"
        last.expect(404, AFTER_REASON)
    elif row.then in (CLOSED, SILENT):
        assert connection.reply() is None
    else:
        rest = connection.rest()
        assert AFTER_REASON.encode() not in rest and b"/after" not in rest


# sent, with what behind it, in pieces of what size
WAYS = {"alone": (False, 0), "pipelined": (True, 0), "in pieces": (True, 3)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)
def test_row(row: Row, way: str, bridge: Bridge, fill: Any) -> None:
    is_pipelined, piece_bytes = WAYS[way]
    sent = fill(row.sent)
    is_head = sent.startswith(b"HEAD")
    if row.is_long and piece_bytes:
        piece_bytes = 5000
    with RawConnection(bridge.port) as connection:
        connection.send(sent + AFTER if is_pipelined else sent, piece_bytes)
        reply = connection.reply(is_head)
        # With the body already there it need not be said.
        if reply is not None and reply.status == 100 and row.continues:
            reply = connection.reply(is_head)
        else:
            assert not row.continues or is_pipelined
        check_answer(row, reply)
        if not is_pipelined:
            connection.send(AFTER)
        check_end(row, connection)


# What is more than one answer


def test_pipelined_requests_are_answered_in_order(bridge: Bridge, fill: Any) -> None:
    """Those that take a call, and those that take none."""
    call = fill(posted(LENGTH) + BODY)
    nobody = get(b"/v1/me")
    with RawConnection(bridge.port) as connection:
        connection.send((call + GET + HOST + END + nobody + AFTER) * 25)
        for _ in range(25):
            for status in (200, 200, 401, 404):
                reply = connection.reply()
                assert reply is not None and reply.status == status


def test_a_body_waits_for_100_continue(bridge: Bridge, fill: Any) -> None:
    with RawConnection(bridge.port) as connection:
        connection.send(fill(posted(EXPECT, LENGTH)))
        interim = connection.reply()
        assert interim is not None and interim.status == 100
        connection.send(BODY + AFTER)
        for status in (200, 404):
            reply = connection.reply()
            assert reply is not None and reply.status == status


UNFINISHED = {
    "nothing": b"",
    "half a line": GET[:9],
    "a header without its end": GET + HOST,
    "half a body": CALL % 1 + HOST + JSON + LENGTH + END + BODY[:9],
    "half a chunk": CALL % 1 + HOST + JSON + CHUNKED + END + CHUNKS[:9],
    "no last chunk": CALL % 1 + HOST + JSON + CHUNKED + END + CHUNKS[:-5],
    "half a request behind a whole one": GET + HOST + END + GET,
}


@pytest.mark.parametrize("sent", UNFINISHED.values(), ids=UNFINISHED)
def test_what_ends_before_its_end_is_not_done(sent: bytes, bridge: Bridge, fill: Any) -> None:
    with RawConnection(bridge.port) as connection:
        connection.send(fill(sent))
        connection.say_no_more()
        while reply := connection.reply():
            assert reply.status == 400 or sent.startswith(GET + HOST + END)


# Every route


def routes() -> dict[str, set[str]]:
    """The verbs of each path, its variables filled."""
    paths = json.loads((SOURCE / "gen/openapi.json").read_text())["paths"]
    pages = dict.fromkeys(("/", "/health", "/ready", "/metrics", "/openapi.json"), {"GET"})
    return pages | {
        re.sub(r"\{\w+\}", "x", path): {verb.upper() for verb in verbs}
        for path, verbs in paths.items()
    }


def allowed(verbs: set[str]) -> set[str]:
    return verbs | {"OPTIONS"} | ({"HEAD"} if "GET" in verbs else set())


# They differ from call to call.
CHANGING = {"X-Request-Id", "Date", "Usher-Revision"}


def shape(reply: HttpReply) -> dict[str, str]:
    return {name: "" if name in CHANGING else value for name, value in reply.headers.items()}


@pytest.mark.parametrize("who", ["nobody", "@TOKEN@"])
def test_head_is_get_without_a_body_on_every_route(who: str, bridge: Bridge, fill: Any) -> None:
    bearer = "" if who == "nobody" else fill(who.encode()).decode()
    paths = [path for path, verbs in routes().items() if "GET" in verbs]
    assert len(paths) > 15
    with RawConnection(bridge.port) as connection:
        for path in paths:
            authorization = f"Authorization: Bearer {bearer}\r\n" if bearer else ""
            rest = f" {path} HTTP/1.1\r\nHost: a.example\r\n{authorization}\r\n".encode()
            connection.send(b"GET" + rest + b"HEAD" + rest)
            got, head = connection.reply(), connection.reply(head=True)
            assert got is not None and head is not None
            assert got.status == head.status, path
            assert got.body and not head.body
            wanted, given = shape(got), shape(head)
            # What counts itself, or tells the time.
            if path in ("/metrics", "/v1/ops/status", "/v1/ops/jobs", "/ready"):
                assert int(given.pop("Content-Length")) > 0 and wanted.pop("Content-Length")
            assert given == wanted, path


def test_allow_tells_the_verbs_of_every_route(bridge: Bridge) -> None:
    """To OPTIONS, and to a verb that the path has not; HEAD of what has no GET is one of them."""
    verbs_known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    with RawConnection(bridge.port) as connection:
        for path, verbs in routes().items():
            others = [verb for verb in verbs_known if verb not in allowed(verbs)]
            for verb in ("OPTIONS", *others):
                connection.send(f"{verb} {path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode())
                reply = connection.reply(head=verb == "HEAD")
                assert reply is not None
                assert reply.status == (204 if verb == "OPTIONS" else 405), (verb, path)
                assert set(reply.headers["Allow"].split(", ")) == allowed(verbs), path
                assert ("Content-Length" in reply.headers) == (verb != "OPTIONS")
