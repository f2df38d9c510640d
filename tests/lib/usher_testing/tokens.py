"""Tokens that only an attacker makes, and some that only a server should.

The database's signing key is opened with the master key, so that a forgery differs from a good
token in one thing alone."""

from __future__ import annotations

import base64
import ctypes
import ctypes.util
import hashlib
import hmac
import pathlib
import subprocess
import tempfile
from typing import Any

from usher_testing.organisation import encode_segment
from usher_testing.system import System

_SEAL_CONTEXT = b"usher signing key"
_NONCE_BYTES = 24
_TAG_BYTES = 16


def _mac(key: bytes, part: bytes) -> bytes:
    """crypt_mac() of one part."""
    digest = hashlib.blake2b(key=key, digest_size=32)
    digest.update(len(part).to_bytes(8, "little"))
    digest.update(part)
    return digest.digest()


def _unseal(key: bytes, bound: bytes, sealed: bytes) -> bytes:
    """crypt_unseal()."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    assert sodium.sodium_init() >= 0
    version, nonce, boxed = sealed[:1], sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    cover = version + bound
    plain = ctypes.create_string_buffer(len(boxed) - _TAG_BYTES)
    failed = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, None, None,
        boxed, ctypes.c_ulonglong(len(boxed)),
        cover, ctypes.c_ulonglong(len(cover)),
        nonce, key,
    )  # fmt: skip
    assert failed == 0, "the signing key does not open with the master key"
    return plain.raw


def _raw_signature(der: bytes) -> bytes:
    """An ECDSA signature of P-256 as JWS has it: r and s, 32 bytes each."""
    assert der[0] == 0x30
    at, parts = 2, []
    for _ in range(2):
        assert der[at] == 0x02
        length = der[at + 1]
        parts.append(int.from_bytes(der[at + 2 : at + 2 + length]).to_bytes(32))
        at += 2 + length
    return b"".join(parts)


class SigningKey:
    """The private key that a system's access tokens are signed with."""

    def __init__(self, kid: str, pem: bytes):
        self.kid = kid
        self.pem = pem

    @staticmethod
    def of(system: System) -> SigningKey:
        kid, sealed = system.database.sql(
            "SELECT kid, encode(private_sealed, 'hex') FROM usher.signing_keys"
            " ORDER BY created_at DESC LIMIT 1"
        ).split("|")
        key = _mac(base64.b64decode(system.master_key), _SEAL_CONTEXT)
        return SigningKey(kid, _unseal(key, kid.encode(), bytes.fromhex(sealed)).rstrip(b"\0"))

    @staticmethod
    def new(kid: str) -> SigningKey:
        """An attacker's own."""
        done = subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            capture_output=True,
            check=True,
        )
        return SigningKey(kid, done.stdout)

    def public_pem(self) -> bytes:
        done = subprocess.run(
            ["openssl", "pkey", "-pubout"], input=self.pem, capture_output=True, check=True
        )
        return done.stdout

    def token(self, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
        """Signed with ES256, whatever the header says."""
        text = _unsigned(header or {"alg": "ES256", "typ": "JWT", "kid": self.kid}, claims)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "key.pem")
            path.touch(0o600)
            path.write_bytes(self.pem)
            done = subprocess.run(
                ["openssl", "dgst", "-sha256", "-sign", path],
                input=text.encode(),
                capture_output=True,
                check=True,
            )
        return f"{text}.{encode_segment(_raw_signature(done.stdout))}"

    def hmac_token(self, claims: dict[str, Any]) -> str:
        """HS256 under the public key's text: the classic confusion."""
        text = _unsigned({"alg": "HS256", "typ": "JWT", "kid": self.kid}, claims)
        signature = hmac.digest(self.public_pem(), text.encode(), "sha256")
        return f"{text}.{encode_segment(signature)}"


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{encode_segment(header)}.{encode_segment(claims)}"


def unsigned_token(claims: dict[str, Any], header: dict[str, Any], signature: bytes = b"") -> str:
    return f"{_unsigned(header, claims)}.{encode_segment(signature)}"
