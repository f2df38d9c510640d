"""Tokens that PyJWT checks, and tokens that it makes: two programs that have nothing of each other."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import usher
from usher_testing import Bridge, Organisation, System
from usher_testing.tokens import SigningKey

CLAIMS = {"aud", "exp", "iat", "iss", "jti", "nbf", "org", "sid", "sub", "use", "usr"}


def algorithms(key: jwt.PyJWK) -> list[str]:
    assert key.algorithm_name == "ES256"
    return [key.algorithm_name]


@pytest.fixture
def good(client: usher.Client, org_a: Organisation) -> str:
    return org_a.tokens(client).access_token


@pytest.fixture
def claims(good: str) -> dict[str, Any]:
    return jwt.decode(good, options={"verify_signature": False})


@pytest.fixture
def private(system: System, good: str) -> ec.EllipticCurvePrivateKey:
    """Ours, out of the database."""
    key = load_pem_private_key(SigningKey.of(system).pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def accepts(client: usher.Client, token: str) -> bool:
    try:
        return bool(client.using(credential=token).user.get_me().user_id)
    except usher.Unauthenticated as refused:
        assert refused.reason
        return False


def test_pyjwt_finds_our_tokens_good_by_the_keys_that_we_publish(bridge: Bridge, good: str):
    published = bridge.http().get("/.well-known/jwks.json").expect(200)
    keys = jwt.PyJWKSet.from_dict(published)
    header = jwt.get_unverified_header(good)
    assert header.keys() == {"alg", "kid", "typ"} and header["typ"] == "JWT"
    key = keys[header["kid"]]
    unverified = jwt.decode(good, options={"verify_signature": False})
    decoded = jwt.decode(
        good,
        key,
        algorithms=algorithms(key),
        issuer=unverified["iss"],
        audience=unverified["aud"],
        options={"require": sorted(CLAIMS)},
    )
    assert decoded.keys() == CLAIMS
    head, body, signature = good.split(".")
    swapped = signature[43:] + signature[:43]
    for text in (f"{head}.{body}.{swapped}", f"{head}.{body}.{'A' * 86}"):
        with pytest.raises(jwt.InvalidTokenError):
            jwt.decode(text, key, algorithms=algorithms(key), audience=unverified["aud"])


def test_we_find_pyjwts_tokens_good_if_they_are_by_our_key(
    client: usher.Client,
    claims: dict[str, Any],
    private: ec.EllipticCurvePrivateKey,
    good: str,
):
    kid = jwt.get_unverified_header(good)["kid"]
    now = int(time.time())
    for later in range(100):
        changed = {**claims, "iat": now, "nbf": now, "exp": now + 100 + later}
        token = jwt.encode(changed, private, "ES256", headers={"kid": kid})
        assert token.count(".") == 2 and accepts(client, token), token


def test_we_refuse_what_pyjwt_makes_otherwise(
    client: usher.Client,
    claims: dict[str, Any],
    private: ec.EllipticCurvePrivateKey,
    good: str,
):
    kid = jwt.get_unverified_header(good)["kid"]
    attacker = ec.generate_private_key(ec.SECP256R1())
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(attacker.public_key(), as_dict=True)
    head, body, _ = good.split(".")
    other = jwt.encode({**claims, "exp": claims["exp"] + 1}, private, "ES256", {"kid": kid})

    def signed(key: Any = private, algorithm: str = "ES256", **headers: Any) -> str:
        return jwt.encode(claims, key, algorithm, headers={"kid": kid, **headers})

    assert accepts(client, signed())
    refused = {
        "none": signed(None, "none"),
        "another key": signed(attacker),
        "another key, in the header": signed(attacker, jwk=jwk),
        "another key, to be fetched": signed(attacker, jku="http://127.0.0.1:1/jwks.json"),
        "another curve": signed(ec.generate_private_key(ec.SECP384R1()), "ES384"),
        "a MAC": signed("x" * 64, "HS256"),
        "no kid": jwt.encode(claims, private, "ES256"),
        "crit": signed(crit=["exp"]),
        "another typ": signed(typ="at+jwt"),
        "another's signature": f"{head}.{body}.{other.split('.')[2]}",
    }
    for name, token in refused.items():
        assert not accepts(client, token), name
