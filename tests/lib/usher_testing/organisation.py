"""An organisation that tests work in."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
import uuid
from typing import Any

import usher

# Access tokens are good for 15 minutes.
_LOGIN_S = 10 * 60
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def forged_secret(kind: str, id: uuid.UUID | None = None) -> str:
    """A key ("live") or a refresh token ("refresh") with a right checksum, as anybody can make it who
    knows the form."""
    random = "".join(secrets.choice(_ALPHABET) for _ in range(43))
    text = f"ush_{kind}_{(id or uuid.uuid4()).hex}_{random}"
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=32).digest()[:8])
    for _ in range(6):
        number, digit = divmod(number, 62)
        text += _ALPHABET[digit]
    return text


class Organisation:
    """Ids and secrets of one organisation, and its owner's login."""

    def __init__(
        self,
        *,
        orgId: str,
        email: str,
        password: str,
        chatbotId: str = "",
        userId: str = "",
        apiKey: str = "",
    ):
        self.org_id = orgId
        self.chatbot_id = chatbotId
        self.user_id = userId
        self.email = email
        self.password = password
        self.api_key = apiKey
        self._tokens: Any = None
        self._logged_in_at = 0.0

    def tokens(self, client: usher.Calls) -> Any:
        """The owner's tokens; logs in the first time, and again before they are over."""
        if self._tokens is None or time.monotonic() - self._logged_in_at > _LOGIN_S:
            self._tokens = self.login(client)
            self._logged_in_at = time.monotonic()
        return self._tokens

    def login(self, client: usher.Calls) -> Any:
        """A session of its own."""
        return client.using(credential=b"").auth.login(email=self.email, password=self.password)

    def owner(self, client: usher.Calls) -> usher.Calls:
        """Calls by the owner."""
        return client.using(credential=self.tokens(client).access_token)

    def keyed(self, client: usher.Calls) -> usher.Calls:
        """Calls by the chatbot's key."""
        return client.using(credential=self.api_key)

    def new_key(self, client: usher.Calls, *scopes: str, **fields: Any) -> Any:
        """CreateApiKeyReply of a key with these scopes."""
        return self.owner(client).context.create_api_key(
            chatbot_id=self.chatbot_id, scopes=list(scopes), **fields
        )


def encode_segment(value: Any) -> str:
    data = value
    if not isinstance(data, bytes):
        data = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_segment(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def unverified_token(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """A JWT's header, claims and signature, believed as they are."""
    header, claims, signature = token.split(".")
    return (
        json.loads(decode_segment(header)),
        json.loads(decode_segment(claims)),
        decode_segment(signature),
    )
