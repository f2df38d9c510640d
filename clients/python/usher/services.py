"""Made by protoc-gen-usher from the .proto files: change those."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import timestamp_pb2
from usher.v1 import common_pb2
from usher.v1 import auth_pb2
from google.protobuf import field_mask_pb2
from usher.v1 import context_pb2
from usher.v1 import ops_pb2
from usher.v1 import org_pb2
from usher.v1 import user_pb2
from usher.calling import AsyncService, BlockingService


class AuthService(BlockingService):
    """usher.v1.AuthService"""

    def sign_up(
        self,
        request: auth_pb2.SignUpRequest | None = None,
        /,
        *,
        email: str | None = None,
        password: str | None = None,
        display_name: str | None = None,
        locale: str | None = None,
    ) -> auth_pb2.SignUpReply:
        """Ask for an account. Nothing exists until the address is verified. An address that has an
        account already gets the same answer (and a mail that says so).
        Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many from here or for this address),
        UNAVAILABLE MAIL_NOT_CONFIGURED, FAILED_PRECONDITION SIGNUP_CLOSED (no organisation takes any)."""
        return self._call(
            auth_pb2.SignUpReply,
            "usher.v1.AuthService/SignUp",
            request,
            {
                "email": email,
                "password": password,
                "display_name": display_name,
                "locale": locale,
            },
        )

    def verify_email(
        self,
        request: auth_pb2.VerifyEmailRequest | None = None,
        /,
        *,
        signup_id: str | None = None,
        email: str | None = None,
        code: str | None = None,
    ) -> common_pb2.Tokens:
        """Prove the address with the code that the mail brought; makes account and user, and logs in.
        Errors: UNAUTHENTICATED (wrong, expired or used code), RESOURCE_EXHAUSTED (too many tries)."""
        return self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/VerifyEmail",
            request,
            {
                "signup_id": signup_id,
                "email": email,
                "code": code,
            },
        )

    def login(
        self,
        request: auth_pb2.LoginRequest | None = None,
        /,
        *,
        email: str | None = None,
        password: str | None = None,
        org_id: str | None = None,
    ) -> common_pb2.Tokens:
        """Trade an address and password for tokens.
        Errors: UNAUTHENTICATED (unknown, wrong or disabled: one text for all), PERMISSION_DENIED
        EMAIL_NOT_VERIFIED (right, but the sign-up is still open), NOT_FOUND ORG_NOT_FOUND (right, but
        not in org_id), RESOURCE_EXHAUSTED (too many tries)."""
        return self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/Login",
            request,
            {
                "email": email,
                "password": password,
                "org_id": org_id,
            },
        )

    def refresh(
        self,
        request: auth_pb2.RefreshRequest | None = None,
        /,
        *,
        refresh_token: str | None = None,
    ) -> common_pb2.Tokens:
        """Trade a refresh token for new tokens. Safe to repeat: until the successor is first used, the
        predecessor yields that same successor; after that, its use revokes the session.
        Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused)."""
        return self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/Refresh",
            request,
            {
                "refresh_token": refresh_token,
            },
        )

    def logout(
        self,
        request: auth_pb2.LogoutRequest | None = None,
        /,
    ) -> auth_pb2.LogoutReply:
        """End the caller's session: when this is answered, no node accepts its tokens any more.
        Errors: UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call)."""
        return self._call(
            auth_pb2.LogoutReply,
            "usher.v1.AuthService/Logout",
            request,
            {},
        )

    def introspect(
        self,
        request: auth_pb2.IntrospectRequest | None = None,
        /,
        *,
        token: str | None = None,
    ) -> auth_pb2.IntrospectReply:
        """Whose token or key is this, and does it work? (RFC 7662 in spirit.) A caller sees those of its
        own organisation; for any other the answer is active = false."""
        return self._call(
            auth_pb2.IntrospectReply,
            "usher.v1.AuthService/Introspect",
            request,
            {
                "token": token,
            },
        )

    def get_jwks(
        self,
        request: auth_pb2.GetJwksRequest | None = None,
        /,
    ) -> auth_pb2.GetJwksReply:
        """The public keys of access tokens (RFC 7517)."""
        return self._call(
            auth_pb2.GetJwksReply,
            "usher.v1.AuthService/GetJwks",
            request,
            {},
        )


class AsyncAuthService(AsyncService):
    """usher.v1.AuthService"""

    async def sign_up(
        self,
        request: auth_pb2.SignUpRequest | None = None,
        /,
        *,
        email: str | None = None,
        password: str | None = None,
        display_name: str | None = None,
        locale: str | None = None,
    ) -> auth_pb2.SignUpReply:
        """Ask for an account. Nothing exists until the address is verified. An address that has an
        account already gets the same answer (and a mail that says so).
        Errors: INVALID_ARGUMENT (shape), RESOURCE_EXHAUSTED (too many from here or for this address),
        UNAVAILABLE MAIL_NOT_CONFIGURED, FAILED_PRECONDITION SIGNUP_CLOSED (no organisation takes any)."""
        return await self._call(
            auth_pb2.SignUpReply,
            "usher.v1.AuthService/SignUp",
            request,
            {
                "email": email,
                "password": password,
                "display_name": display_name,
                "locale": locale,
            },
        )

    async def verify_email(
        self,
        request: auth_pb2.VerifyEmailRequest | None = None,
        /,
        *,
        signup_id: str | None = None,
        email: str | None = None,
        code: str | None = None,
    ) -> common_pb2.Tokens:
        """Prove the address with the code that the mail brought; makes account and user, and logs in.
        Errors: UNAUTHENTICATED (wrong, expired or used code), RESOURCE_EXHAUSTED (too many tries)."""
        return await self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/VerifyEmail",
            request,
            {
                "signup_id": signup_id,
                "email": email,
                "code": code,
            },
        )

    async def login(
        self,
        request: auth_pb2.LoginRequest | None = None,
        /,
        *,
        email: str | None = None,
        password: str | None = None,
        org_id: str | None = None,
    ) -> common_pb2.Tokens:
        """Trade an address and password for tokens.
        Errors: UNAUTHENTICATED (unknown, wrong or disabled: one text for all), PERMISSION_DENIED
        EMAIL_NOT_VERIFIED (right, but the sign-up is still open), NOT_FOUND ORG_NOT_FOUND (right, but
        not in org_id), RESOURCE_EXHAUSTED (too many tries)."""
        return await self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/Login",
            request,
            {
                "email": email,
                "password": password,
                "org_id": org_id,
            },
        )

    async def refresh(
        self,
        request: auth_pb2.RefreshRequest | None = None,
        /,
        *,
        refresh_token: str | None = None,
    ) -> common_pb2.Tokens:
        """Trade a refresh token for new tokens. Safe to repeat: until the successor is first used, the
        predecessor yields that same successor; after that, its use revokes the session.
        Errors: UNAUTHENTICATED (unknown, expired, revoked, or reused)."""
        return await self._call(
            common_pb2.Tokens,
            "usher.v1.AuthService/Refresh",
            request,
            {
                "refresh_token": refresh_token,
            },
        )

    async def logout(
        self,
        request: auth_pb2.LogoutRequest | None = None,
        /,
    ) -> auth_pb2.LogoutReply:
        """End the caller's session: when this is answered, no node accepts its tokens any more.
        Errors: UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call)."""
        return await self._call(
            auth_pb2.LogoutReply,
            "usher.v1.AuthService/Logout",
            request,
            {},
        )

    async def introspect(
        self,
        request: auth_pb2.IntrospectRequest | None = None,
        /,
        *,
        token: str | None = None,
    ) -> auth_pb2.IntrospectReply:
        """Whose token or key is this, and does it work? (RFC 7662 in spirit.) A caller sees those of its
        own organisation; for any other the answer is active = false."""
        return await self._call(
            auth_pb2.IntrospectReply,
            "usher.v1.AuthService/Introspect",
            request,
            {
                "token": token,
            },
        )

    async def get_jwks(
        self,
        request: auth_pb2.GetJwksRequest | None = None,
        /,
    ) -> auth_pb2.GetJwksReply:
        """The public keys of access tokens (RFC 7517)."""
        return await self._call(
            auth_pb2.GetJwksReply,
            "usher.v1.AuthService/GetJwks",
            request,
            {},
        )


class ContextService(BlockingService):
    """usher.v1.ContextService"""

    def create_chatbot(
        self,
        request: context_pb2.CreateChatbotRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        alias: str | None = None,
        display_name: str | None = None,
        instructions: str | None = None,
    ) -> context_pb2.Chatbot:
        """Make a chatbot. With a chatbot_id that exists and the same content, the answer is the chatbot
        as it is.
        Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS CHATBOT_EXISTS (that id, with other content)
        or ALIAS_TAKEN."""
        return self._call(
            context_pb2.Chatbot,
            "usher.v1.ContextService/CreateChatbot",
            request,
            {
                "chatbot_id": chatbot_id,
                "alias": alias,
                "display_name": display_name,
                "instructions": instructions,
            },
        )

    def get_chatbot(
        self,
        request: context_pb2.GetChatbotRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
    ) -> context_pb2.Chatbot:
        """One chatbot of the organisation. chatbot_id may be an alias.
        Errors: NOT_FOUND."""
        return self._call(
            context_pb2.Chatbot,
            "usher.v1.ContextService/GetChatbot",
            request,
            {
                "chatbot_id": chatbot_id,
            },
        )

    def list_chatbots(
        self,
        request: context_pb2.ListChatbotsRequest | None = None,
        /,
        *,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListChatbotsReply:
        """Oldest first."""
        return self._call(
            context_pb2.ListChatbotsReply,
            "usher.v1.ContextService/ListChatbots",
            request,
            {
                "page": page,
            },
        )

    def create_api_key(
        self,
        request: context_pb2.CreateApiKeyRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        display_name: str | None = None,
        scopes: Iterable[str] | None = None,
        default_user_id: str | None = None,
        bound_user_id: str | None = None,
        allowed_networks: Iterable[str] | None = None,
        expires_at: timestamp_pb2.Timestamp | Mapping[str, Any] | None = None,
        quota: context_pb2.Quota | Mapping[str, Any] | None = None,
    ) -> context_pb2.CreateApiKeyReply:
        """The key's text is in this reply and nowhere else.
        Errors: NOT_FOUND (chatbot or user), PERMISSION_DENIED (a scope that the caller may not give; on
        behalf of one user, a key that is not bound to them)."""
        return self._call(
            context_pb2.CreateApiKeyReply,
            "usher.v1.ContextService/CreateApiKey",
            request,
            {
                "chatbot_id": chatbot_id,
                "display_name": display_name,
                "scopes": scopes,
                "default_user_id": default_user_id,
                "bound_user_id": bound_user_id,
                "allowed_networks": allowed_networks,
                "expires_at": expires_at,
                "quota": quota,
            },
        )

    def list_api_keys(
        self,
        request: context_pb2.ListApiKeysRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListApiKeysReply:
        """Without their secrets. Revoked and expired ones are listed too.
        Errors: NOT_FOUND (chatbot), PERMISSION_DENIED (on behalf of one user)."""
        return self._call(
            context_pb2.ListApiKeysReply,
            "usher.v1.ContextService/ListApiKeys",
            request,
            {
                "chatbot_id": chatbot_id,
                "page": page,
            },
        )

    def revoke_api_key(
        self,
        request: context_pb2.RevokeApiKeyRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        key_id: str | None = None,
    ) -> context_pb2.ApiKey:
        """When this is answered, no node accepts the key any more. Revoking it again is no error. The
        bridge's key is a service's of the system organisation, which an operator names in the envelope.
        Errors: NOT_FOUND, UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call)."""
        return self._call(
            context_pb2.ApiKey,
            "usher.v1.ContextService/RevokeApiKey",
            request,
            {
                "chatbot_id": chatbot_id,
                "key_id": key_id,
            },
        )

    def get_profile(
        self,
        request: context_pb2.GetProfileRequest | None = None,
        /,
        *,
        user_id: str | None = None,
    ) -> context_pb2.GetProfileReply:
        """By the user themself, an administrator, or a key with the scope.
        Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys)."""
        return self._call(
            context_pb2.GetProfileReply,
            "usher.v1.ContextService/GetProfile",
            request,
            {
                "user_id": user_id,
            },
        )

    def put_profile(
        self,
        request: context_pb2.PutProfileRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        profile: common_pb2.Profile | Mapping[str, Any] | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> context_pb2.GetProfileReply:
        """Fields absent from update_mask stay; without a mask the whole profile is replaced.
        Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys), ABORTED VERSION_MISMATCH."""
        return self._call(
            context_pb2.GetProfileReply,
            "usher.v1.ContextService/PutProfile",
            request,
            {
                "user_id": user_id,
                "profile": profile,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )

    def append_turns(
        self,
        request: context_pb2.AppendTurnsRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        user_id: str | None = None,
        turns: Iterable[context_pb2.NewTurn | Mapping[str, Any]] | None = None,
        expect_seq: int | None = None,
    ) -> context_pb2.AppendTurnsReply:
        """Append to a conversation; made if it does not exist.
        Errors: INVALID_ARGUMENT USER_MISSING (a new conversation, and no user is named or implied),
        NOT_FOUND (chatbot, user), PERMISSION_DENIED USER_NOT_ALLOWED (another user than the caller may
        touch), FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
        CONVERSATION_AMBIGUOUS (it is one's id and another's name), ABORTED SEQUENCE_MISMATCH
        (expect_seq is not the next one)."""
        return self._call(
            context_pb2.AppendTurnsReply,
            "usher.v1.ContextService/AppendTurns",
            request,
            {
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "user_id": user_id,
                "turns": turns,
                "expect_seq": expect_seq,
            },
        )

    def list_turns(
        self,
        request: context_pb2.ListTurnsRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListTurnsReply:
        """Newest first.
        Errors: NOT_FOUND (chatbot, conversation), FAILED_PRECONDITION USER_DISABLED (for keys)."""
        return self._call(
            context_pb2.ListTurnsReply,
            "usher.v1.ContextService/ListTurns",
            request,
            {
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "page": page,
            },
        )

    def resolve(
        self,
        request: context_pb2.ResolveRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        user_id: str | None = None,
        message: str | None = None,
        conversation: str | None = None,
        token_budget: int | None = None,
        have_etags: Iterable[str] | None = None,
        purpose: str | None = None,
        with_items: bool | None = None,
    ) -> context_pb2.ResolveReply:
        """The main job: who calls, which chatbot, which user, and the block for the prompt, in one round
        trip. With a conversation the message is appended to it (a write, durable when answered), for
        those who may AppendTurns.
        Errors: INVALID_ARGUMENT (shape), or USER_MISSING (none is named, and the credential implies
        none); NOT_FOUND (chatbot, user); PERMISSION_DENIED USER_NOT_ALLOWED (another user than the
        caller may touch) or PERMISSION_MISSING (a message to store, and no right to);
        FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
        CONVERSATION_AMBIGUOUS (it is one's id and another's name); RESOURCE_EXHAUSTED QUOTA_EXCEEDED
        with retry_after_ms."""
        return self._call(
            context_pb2.ResolveReply,
            "usher.v1.ContextService/Resolve",
            request,
            {
                "chatbot_id": chatbot_id,
                "user_id": user_id,
                "message": message,
                "conversation": conversation,
                "token_budget": token_budget,
                "have_etags": have_etags,
                "purpose": purpose,
                "with_items": with_items,
            },
        )

    def get_context(
        self,
        request: context_pb2.GetContextRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        token_budget: int | None = None,
        have_etags: Iterable[str] | None = None,
        purpose: str | None = None,
        with_items: bool | None = None,
    ) -> context_pb2.GetContextReply:
        """The block alone, for a user.
        Errors: Resolve's, without those of storing (PERMISSION_MISSING, CONVERSATION_AMBIGUOUS)."""
        return self._call(
            context_pb2.GetContextReply,
            "usher.v1.ContextService/GetContext",
            request,
            {
                "user_id": user_id,
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "token_budget": token_budget,
                "have_etags": have_etags,
                "purpose": purpose,
                "with_items": with_items,
            },
        )

    def batch_get_context(
        self,
        request: context_pb2.BatchGetContextRequest | None = None,
        /,
        *,
        user_ids: Iterable[str] | None = None,
        chatbot_id: str | None = None,
        token_budget: int | None = None,
        purpose: str | None = None,
    ) -> context_pb2.BatchGetContextReply:
        """Blocks for up to 100 users; one that is not found, or disabled, has found = false. What would make
        the reply larger than a message may be has left_out: ask for it again.
        Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot), PERMISSION_DENIED USER_NOT_ALLOWED (for
        any of them), FAILED_PRECONDITION CHATBOT_DISABLED, RESOURCE_EXHAUSTED QUOTA_EXCEEDED with
        retry_after_ms."""
        return self._call(
            context_pb2.BatchGetContextReply,
            "usher.v1.ContextService/BatchGetContext",
            request,
            {
                "user_ids": user_ids,
                "chatbot_id": chatbot_id,
                "token_budget": token_budget,
                "purpose": purpose,
            },
        )


class AsyncContextService(AsyncService):
    """usher.v1.ContextService"""

    async def create_chatbot(
        self,
        request: context_pb2.CreateChatbotRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        alias: str | None = None,
        display_name: str | None = None,
        instructions: str | None = None,
    ) -> context_pb2.Chatbot:
        """Make a chatbot. With a chatbot_id that exists and the same content, the answer is the chatbot
        as it is.
        Errors: INVALID_ARGUMENT (shape), ALREADY_EXISTS CHATBOT_EXISTS (that id, with other content)
        or ALIAS_TAKEN."""
        return await self._call(
            context_pb2.Chatbot,
            "usher.v1.ContextService/CreateChatbot",
            request,
            {
                "chatbot_id": chatbot_id,
                "alias": alias,
                "display_name": display_name,
                "instructions": instructions,
            },
        )

    async def get_chatbot(
        self,
        request: context_pb2.GetChatbotRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
    ) -> context_pb2.Chatbot:
        """One chatbot of the organisation. chatbot_id may be an alias.
        Errors: NOT_FOUND."""
        return await self._call(
            context_pb2.Chatbot,
            "usher.v1.ContextService/GetChatbot",
            request,
            {
                "chatbot_id": chatbot_id,
            },
        )

    async def list_chatbots(
        self,
        request: context_pb2.ListChatbotsRequest | None = None,
        /,
        *,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListChatbotsReply:
        """Oldest first."""
        return await self._call(
            context_pb2.ListChatbotsReply,
            "usher.v1.ContextService/ListChatbots",
            request,
            {
                "page": page,
            },
        )

    async def create_api_key(
        self,
        request: context_pb2.CreateApiKeyRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        display_name: str | None = None,
        scopes: Iterable[str] | None = None,
        default_user_id: str | None = None,
        bound_user_id: str | None = None,
        allowed_networks: Iterable[str] | None = None,
        expires_at: timestamp_pb2.Timestamp | Mapping[str, Any] | None = None,
        quota: context_pb2.Quota | Mapping[str, Any] | None = None,
    ) -> context_pb2.CreateApiKeyReply:
        """The key's text is in this reply and nowhere else.
        Errors: NOT_FOUND (chatbot or user), PERMISSION_DENIED (a scope that the caller may not give; on
        behalf of one user, a key that is not bound to them)."""
        return await self._call(
            context_pb2.CreateApiKeyReply,
            "usher.v1.ContextService/CreateApiKey",
            request,
            {
                "chatbot_id": chatbot_id,
                "display_name": display_name,
                "scopes": scopes,
                "default_user_id": default_user_id,
                "bound_user_id": bound_user_id,
                "allowed_networks": allowed_networks,
                "expires_at": expires_at,
                "quota": quota,
            },
        )

    async def list_api_keys(
        self,
        request: context_pb2.ListApiKeysRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListApiKeysReply:
        """Without their secrets. Revoked and expired ones are listed too.
        Errors: NOT_FOUND (chatbot), PERMISSION_DENIED (on behalf of one user)."""
        return await self._call(
            context_pb2.ListApiKeysReply,
            "usher.v1.ContextService/ListApiKeys",
            request,
            {
                "chatbot_id": chatbot_id,
                "page": page,
            },
        )

    async def revoke_api_key(
        self,
        request: context_pb2.RevokeApiKeyRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        key_id: str | None = None,
    ) -> context_pb2.ApiKey:
        """When this is answered, no node accepts the key any more. Revoking it again is no error. The
        bridge's key is a service's of the system organisation, which an operator names in the envelope.
        Errors: NOT_FOUND, UNAVAILABLE COMMITTED_NOT_EVERYWHERE (repeat the call)."""
        return await self._call(
            context_pb2.ApiKey,
            "usher.v1.ContextService/RevokeApiKey",
            request,
            {
                "chatbot_id": chatbot_id,
                "key_id": key_id,
            },
        )

    async def get_profile(
        self,
        request: context_pb2.GetProfileRequest | None = None,
        /,
        *,
        user_id: str | None = None,
    ) -> context_pb2.GetProfileReply:
        """By the user themself, an administrator, or a key with the scope.
        Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys)."""
        return await self._call(
            context_pb2.GetProfileReply,
            "usher.v1.ContextService/GetProfile",
            request,
            {
                "user_id": user_id,
            },
        )

    async def put_profile(
        self,
        request: context_pb2.PutProfileRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        profile: common_pb2.Profile | Mapping[str, Any] | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> context_pb2.GetProfileReply:
        """Fields absent from update_mask stay; without a mask the whole profile is replaced.
        Errors: NOT_FOUND (user), FAILED_PRECONDITION USER_DISABLED (for keys), ABORTED VERSION_MISMATCH."""
        return await self._call(
            context_pb2.GetProfileReply,
            "usher.v1.ContextService/PutProfile",
            request,
            {
                "user_id": user_id,
                "profile": profile,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )

    async def append_turns(
        self,
        request: context_pb2.AppendTurnsRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        user_id: str | None = None,
        turns: Iterable[context_pb2.NewTurn | Mapping[str, Any]] | None = None,
        expect_seq: int | None = None,
    ) -> context_pb2.AppendTurnsReply:
        """Append to a conversation; made if it does not exist.
        Errors: INVALID_ARGUMENT USER_MISSING (a new conversation, and no user is named or implied),
        NOT_FOUND (chatbot, user), PERMISSION_DENIED USER_NOT_ALLOWED (another user than the caller may
        touch), FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
        CONVERSATION_AMBIGUOUS (it is one's id and another's name), ABORTED SEQUENCE_MISMATCH
        (expect_seq is not the next one)."""
        return await self._call(
            context_pb2.AppendTurnsReply,
            "usher.v1.ContextService/AppendTurns",
            request,
            {
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "user_id": user_id,
                "turns": turns,
                "expect_seq": expect_seq,
            },
        )

    async def list_turns(
        self,
        request: context_pb2.ListTurnsRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> context_pb2.ListTurnsReply:
        """Newest first.
        Errors: NOT_FOUND (chatbot, conversation), FAILED_PRECONDITION USER_DISABLED (for keys)."""
        return await self._call(
            context_pb2.ListTurnsReply,
            "usher.v1.ContextService/ListTurns",
            request,
            {
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "page": page,
            },
        )

    async def resolve(
        self,
        request: context_pb2.ResolveRequest | None = None,
        /,
        *,
        chatbot_id: str | None = None,
        user_id: str | None = None,
        message: str | None = None,
        conversation: str | None = None,
        token_budget: int | None = None,
        have_etags: Iterable[str] | None = None,
        purpose: str | None = None,
        with_items: bool | None = None,
    ) -> context_pb2.ResolveReply:
        """The main job: who calls, which chatbot, which user, and the block for the prompt, in one round
        trip. With a conversation the message is appended to it (a write, durable when answered), for
        those who may AppendTurns.
        Errors: INVALID_ARGUMENT (shape), or USER_MISSING (none is named, and the credential implies
        none); NOT_FOUND (chatbot, user); PERMISSION_DENIED USER_NOT_ALLOWED (another user than the
        caller may touch) or PERMISSION_MISSING (a message to store, and no right to);
        FAILED_PRECONDITION USER_DISABLED, CHATBOT_DISABLED, CONVERSATION_OF_ANOTHER_USER or
        CONVERSATION_AMBIGUOUS (it is one's id and another's name); RESOURCE_EXHAUSTED QUOTA_EXCEEDED
        with retry_after_ms."""
        return await self._call(
            context_pb2.ResolveReply,
            "usher.v1.ContextService/Resolve",
            request,
            {
                "chatbot_id": chatbot_id,
                "user_id": user_id,
                "message": message,
                "conversation": conversation,
                "token_budget": token_budget,
                "have_etags": have_etags,
                "purpose": purpose,
                "with_items": with_items,
            },
        )

    async def get_context(
        self,
        request: context_pb2.GetContextRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        chatbot_id: str | None = None,
        conversation: str | None = None,
        token_budget: int | None = None,
        have_etags: Iterable[str] | None = None,
        purpose: str | None = None,
        with_items: bool | None = None,
    ) -> context_pb2.GetContextReply:
        """The block alone, for a user.
        Errors: Resolve's, without those of storing (PERMISSION_MISSING, CONVERSATION_AMBIGUOUS)."""
        return await self._call(
            context_pb2.GetContextReply,
            "usher.v1.ContextService/GetContext",
            request,
            {
                "user_id": user_id,
                "chatbot_id": chatbot_id,
                "conversation": conversation,
                "token_budget": token_budget,
                "have_etags": have_etags,
                "purpose": purpose,
                "with_items": with_items,
            },
        )

    async def batch_get_context(
        self,
        request: context_pb2.BatchGetContextRequest | None = None,
        /,
        *,
        user_ids: Iterable[str] | None = None,
        chatbot_id: str | None = None,
        token_budget: int | None = None,
        purpose: str | None = None,
    ) -> context_pb2.BatchGetContextReply:
        """Blocks for up to 100 users; one that is not found, or disabled, has found = false. What would make
        the reply larger than a message may be has left_out: ask for it again.
        Errors: INVALID_ARGUMENT (shape), NOT_FOUND (chatbot), PERMISSION_DENIED USER_NOT_ALLOWED (for
        any of them), FAILED_PRECONDITION CHATBOT_DISABLED, RESOURCE_EXHAUSTED QUOTA_EXCEEDED with
        retry_after_ms."""
        return await self._call(
            context_pb2.BatchGetContextReply,
            "usher.v1.ContextService/BatchGetContext",
            request,
            {
                "user_ids": user_ids,
                "chatbot_id": chatbot_id,
                "token_budget": token_budget,
                "purpose": purpose,
            },
        )


class OpsService(BlockingService):
    """usher.v1.OpsService"""

    def get_health(
        self,
        request: ops_pb2.GetHealthRequest | None = None,
        /,
    ) -> ops_pb2.GetHealthReply:
        """Is it up, and does it reach its database? Answers even when it does not."""
        return self._call(
            ops_pb2.GetHealthReply,
            "usher.v1.OpsService/GetHealth",
            request,
            {},
        )

    def get_descriptors(
        self,
        request: ops_pb2.GetDescriptorsRequest | None = None,
        /,
    ) -> ops_pb2.GetDescriptorsReply:
        """The schema of every service that this server has, for clients that were not built with it."""
        return self._call(
            ops_pb2.GetDescriptorsReply,
            "usher.v1.OpsService/GetDescriptors",
            request,
            {},
        )

    def get_status(
        self,
        request: ops_pb2.GetStatusRequest | None = None,
        /,
        *,
        exact_counts: bool | None = None,
    ) -> ops_pb2.GetStatusReply:
        """Where it is connected, what is in there, and how it is doing. Exact counts may take long."""
        return self._call(
            ops_pb2.GetStatusReply,
            "usher.v1.OpsService/GetStatus",
            request,
            {
                "exact_counts": exact_counts,
            },
        )

    def list_jobs(
        self,
        request: ops_pb2.ListJobsRequest | None = None,
        /,
    ) -> ops_pb2.ListJobsReply:
        """What runs by itself on this node, and how it went."""
        return self._call(
            ops_pb2.ListJobsReply,
            "usher.v1.OpsService/ListJobs",
            request,
            {},
        )

    def run_job(
        self,
        request: ops_pb2.RunJobRequest | None = None,
        /,
        *,
        job: str | None = None,
    ) -> ops_pb2.RunJobReply:
        """Run a job on this node now, rather than when it is due, and wait until that run has ended.
        A job of the cluster that another node is at passes.
        Errors: NOT_FOUND (no such job here), DEADLINE_EXCEEDED (it goes on)."""
        return self._call(
            ops_pb2.RunJobReply,
            "usher.v1.OpsService/RunJob",
            request,
            {
                "job": job,
            },
        )

    def start_operation(
        self,
        request: ops_pb2.StartOperationRequest | None = None,
        /,
        *,
        kind: str | None = None,
        parameters: str | Mapping[str, Any] | None = None,
    ) -> ops_pb2.Operation:
        """Begin long work; servers do it, any of them, and another goes on where one has died.
        Operations belong to the organisation that the envelope names; without one, to the platform's
        own. A kind that concerns the whole platform is refused for any other.
        Kind \"db_check\": what is wrong with the database itself; parameters {\"quick\": true} for the schema
        alone. Each item of its result has finding, object, message, remedy and perhaps rows.
        Errors: INVALID_ARGUMENT (no such kind, its parameters, not for that organisation), NOT_FOUND
        (the organisation), RESOURCE_EXHAUSTED OPERATIONS_OPEN (as many as there may be are open),
        FAILED_PRECONDITION NO_SYSTEM_ORG (run `usher bootstrap`)."""
        return self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/StartOperation",
            request,
            {
                "kind": kind,
                "parameters": parameters,
            },
        )

    def get_operation(
        self,
        request: ops_pb2.GetOperationRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
    ) -> ops_pb2.Operation:
        """How far an operation is.
        Errors: NOT_FOUND (or another organisation's), FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/GetOperation",
            request,
            {
                "operation_id": operation_id,
            },
        )

    def list_operations(
        self,
        request: ops_pb2.ListOperationsRequest | None = None,
        /,
        *,
        kind: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> ops_pb2.ListOperationsReply:
        """The newest first.
        Errors: FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return self._call(
            ops_pb2.ListOperationsReply,
            "usher.v1.OpsService/ListOperations",
            request,
            {
                "kind": kind,
                "page": page,
            },
        )

    def cancel_operation(
        self,
        request: ops_pb2.CancelOperationRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
    ) -> ops_pb2.Operation:
        """End it: at once when nobody has begun, otherwise after the step that is under way. What it found
        until then stays. One that has ended stays as it is.
        Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/CancelOperation",
            request,
            {
                "operation_id": operation_id,
            },
        )

    def read_operation_result(
        self,
        request: ops_pb2.ReadOperationResultRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> ops_pb2.ReadOperationResultReply:
        """What it has found so far, in the order in which it was found. While it runs, the last page may
        not be the last for ever.
        Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return self._call(
            ops_pb2.ReadOperationResultReply,
            "usher.v1.OpsService/ReadOperationResult",
            request,
            {
                "operation_id": operation_id,
                "page": page,
            },
        )


class AsyncOpsService(AsyncService):
    """usher.v1.OpsService"""

    async def get_health(
        self,
        request: ops_pb2.GetHealthRequest | None = None,
        /,
    ) -> ops_pb2.GetHealthReply:
        """Is it up, and does it reach its database? Answers even when it does not."""
        return await self._call(
            ops_pb2.GetHealthReply,
            "usher.v1.OpsService/GetHealth",
            request,
            {},
        )

    async def get_descriptors(
        self,
        request: ops_pb2.GetDescriptorsRequest | None = None,
        /,
    ) -> ops_pb2.GetDescriptorsReply:
        """The schema of every service that this server has, for clients that were not built with it."""
        return await self._call(
            ops_pb2.GetDescriptorsReply,
            "usher.v1.OpsService/GetDescriptors",
            request,
            {},
        )

    async def get_status(
        self,
        request: ops_pb2.GetStatusRequest | None = None,
        /,
        *,
        exact_counts: bool | None = None,
    ) -> ops_pb2.GetStatusReply:
        """Where it is connected, what is in there, and how it is doing. Exact counts may take long."""
        return await self._call(
            ops_pb2.GetStatusReply,
            "usher.v1.OpsService/GetStatus",
            request,
            {
                "exact_counts": exact_counts,
            },
        )

    async def list_jobs(
        self,
        request: ops_pb2.ListJobsRequest | None = None,
        /,
    ) -> ops_pb2.ListJobsReply:
        """What runs by itself on this node, and how it went."""
        return await self._call(
            ops_pb2.ListJobsReply,
            "usher.v1.OpsService/ListJobs",
            request,
            {},
        )

    async def run_job(
        self,
        request: ops_pb2.RunJobRequest | None = None,
        /,
        *,
        job: str | None = None,
    ) -> ops_pb2.RunJobReply:
        """Run a job on this node now, rather than when it is due, and wait until that run has ended.
        A job of the cluster that another node is at passes.
        Errors: NOT_FOUND (no such job here), DEADLINE_EXCEEDED (it goes on)."""
        return await self._call(
            ops_pb2.RunJobReply,
            "usher.v1.OpsService/RunJob",
            request,
            {
                "job": job,
            },
        )

    async def start_operation(
        self,
        request: ops_pb2.StartOperationRequest | None = None,
        /,
        *,
        kind: str | None = None,
        parameters: str | Mapping[str, Any] | None = None,
    ) -> ops_pb2.Operation:
        """Begin long work; servers do it, any of them, and another goes on where one has died.
        Operations belong to the organisation that the envelope names; without one, to the platform's
        own. A kind that concerns the whole platform is refused for any other.
        Kind \"db_check\": what is wrong with the database itself; parameters {\"quick\": true} for the schema
        alone. Each item of its result has finding, object, message, remedy and perhaps rows.
        Errors: INVALID_ARGUMENT (no such kind, its parameters, not for that organisation), NOT_FOUND
        (the organisation), RESOURCE_EXHAUSTED OPERATIONS_OPEN (as many as there may be are open),
        FAILED_PRECONDITION NO_SYSTEM_ORG (run `usher bootstrap`)."""
        return await self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/StartOperation",
            request,
            {
                "kind": kind,
                "parameters": parameters,
            },
        )

    async def get_operation(
        self,
        request: ops_pb2.GetOperationRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
    ) -> ops_pb2.Operation:
        """How far an operation is.
        Errors: NOT_FOUND (or another organisation's), FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return await self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/GetOperation",
            request,
            {
                "operation_id": operation_id,
            },
        )

    async def list_operations(
        self,
        request: ops_pb2.ListOperationsRequest | None = None,
        /,
        *,
        kind: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> ops_pb2.ListOperationsReply:
        """The newest first.
        Errors: FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return await self._call(
            ops_pb2.ListOperationsReply,
            "usher.v1.OpsService/ListOperations",
            request,
            {
                "kind": kind,
                "page": page,
            },
        )

    async def cancel_operation(
        self,
        request: ops_pb2.CancelOperationRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
    ) -> ops_pb2.Operation:
        """End it: at once when nobody has begun, otherwise after the step that is under way. What it found
        until then stays. One that has ended stays as it is.
        Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return await self._call(
            ops_pb2.Operation,
            "usher.v1.OpsService/CancelOperation",
            request,
            {
                "operation_id": operation_id,
            },
        )

    async def read_operation_result(
        self,
        request: ops_pb2.ReadOperationResultRequest | None = None,
        /,
        *,
        operation_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> ops_pb2.ReadOperationResultReply:
        """What it has found so far, in the order in which it was found. While it runs, the last page may
        not be the last for ever.
        Errors: NOT_FOUND, FAILED_PRECONDITION NO_SYSTEM_ORG."""
        return await self._call(
            ops_pb2.ReadOperationResultReply,
            "usher.v1.OpsService/ReadOperationResult",
            request,
            {
                "operation_id": operation_id,
                "page": page,
            },
        )


class OrgService(BlockingService):
    """usher.v1.OrgService"""

    def create_org(
        self,
        request: org_pb2.CreateOrgRequest | None = None,
        /,
        *,
        org_id: str | None = None,
        slug: str | None = None,
        display_name: str | None = None,
    ) -> org_pb2.Org:
        """Make an organisation; the caller becomes its owner. With an org_id that exists
        and the same content, the answer is the organisation as it is.
        Errors: ALREADY_EXISTS (that id or slug, other content or another's), RESOURCE_EXHAUSTED
        TOO_MANY_ORGS (an account makes 100, unless it is an operator's with orgs.write)."""
        return self._call(
            org_pb2.Org,
            "usher.v1.OrgService/CreateOrg",
            request,
            {
                "org_id": org_id,
                "slug": slug,
                "display_name": display_name,
            },
        )

    def get_org(
        self,
        request: org_pb2.GetOrgRequest | None = None,
        /,
        *,
        org_id: str | None = None,
    ) -> org_pb2.Org:
        """The organisation that the call is about: the caller's own, or the one that an operator names.
        Errors: NOT_FOUND (any other)."""
        return self._call(
            org_pb2.Org,
            "usher.v1.OrgService/GetOrg",
            request,
            {
                "org_id": org_id,
            },
        )

    def list_members(
        self,
        request: org_pb2.ListMembersRequest | None = None,
        /,
        *,
        org_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> org_pb2.ListMembersReply:
        """Users of the organisation that have an account, with their roles.
        Errors: NOT_FOUND (any organisation but the one that the call is about), PERMISSION_DENIED
        USER_NOT_ALLOWED (for one user alone)."""
        return self._call(
            org_pb2.ListMembersReply,
            "usher.v1.OrgService/ListMembers",
            request,
            {
                "org_id": org_id,
                "page": page,
            },
        )


class AsyncOrgService(AsyncService):
    """usher.v1.OrgService"""

    async def create_org(
        self,
        request: org_pb2.CreateOrgRequest | None = None,
        /,
        *,
        org_id: str | None = None,
        slug: str | None = None,
        display_name: str | None = None,
    ) -> org_pb2.Org:
        """Make an organisation; the caller becomes its owner. With an org_id that exists
        and the same content, the answer is the organisation as it is.
        Errors: ALREADY_EXISTS (that id or slug, other content or another's), RESOURCE_EXHAUSTED
        TOO_MANY_ORGS (an account makes 100, unless it is an operator's with orgs.write)."""
        return await self._call(
            org_pb2.Org,
            "usher.v1.OrgService/CreateOrg",
            request,
            {
                "org_id": org_id,
                "slug": slug,
                "display_name": display_name,
            },
        )

    async def get_org(
        self,
        request: org_pb2.GetOrgRequest | None = None,
        /,
        *,
        org_id: str | None = None,
    ) -> org_pb2.Org:
        """The organisation that the call is about: the caller's own, or the one that an operator names.
        Errors: NOT_FOUND (any other)."""
        return await self._call(
            org_pb2.Org,
            "usher.v1.OrgService/GetOrg",
            request,
            {
                "org_id": org_id,
            },
        )

    async def list_members(
        self,
        request: org_pb2.ListMembersRequest | None = None,
        /,
        *,
        org_id: str | None = None,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
    ) -> org_pb2.ListMembersReply:
        """Users of the organisation that have an account, with their roles.
        Errors: NOT_FOUND (any organisation but the one that the call is about), PERMISSION_DENIED
        USER_NOT_ALLOWED (for one user alone)."""
        return await self._call(
            org_pb2.ListMembersReply,
            "usher.v1.OrgService/ListMembers",
            request,
            {
                "org_id": org_id,
                "page": page,
            },
        )


class UserService(BlockingService):
    """usher.v1.UserService"""

    def get_me(
        self,
        request: user_pb2.GetMeRequest | None = None,
        /,
    ) -> common_pb2.User:
        """The caller's own user in the active organisation."""
        return self._call(
            common_pb2.User,
            "usher.v1.UserService/GetMe",
            request,
            {},
        )

    def update_me(
        self,
        request: user_pb2.UpdateMeRequest | None = None,
        /,
        *,
        display_name: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> common_pb2.User:
        """Change display_name, locale or time_zone of the caller's own user.
        Errors: INVALID_ARGUMENT (a path that is no such field), ABORTED VERSION_MISMATCH."""
        return self._call(
            common_pb2.User,
            "usher.v1.UserService/UpdateMe",
            request,
            {
                "display_name": display_name,
                "locale": locale,
                "time_zone": time_zone,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )

    def get_user(
        self,
        request: user_pb2.GetUserRequest | None = None,
        /,
        *,
        user_id: str | None = None,
    ) -> common_pb2.User:
        """One user of the caller's organisation. user_id may be \"ext:\" and an external_id.
        Errors: NOT_FOUND."""
        return self._call(
            common_pb2.User,
            "usher.v1.UserService/GetUser",
            request,
            {
                "user_id": user_id,
            },
        )

    def list_users(
        self,
        request: user_pb2.ListUsersRequest | None = None,
        /,
        *,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
        status: common_pb2.UserStatus | str | None = None,
    ) -> user_pb2.ListUsersReply:
        """The organisation's users, oldest first."""
        return self._call(
            user_pb2.ListUsersReply,
            "usher.v1.UserService/ListUsers",
            request,
            {
                "page": page,
                "status": status,
            },
        )

    def upsert_user(
        self,
        request: user_pb2.UpsertUserRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        external_id: str | None = None,
        display_name: str | None = None,
        email: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> user_pb2.UpsertUserReply:
        """Make a user, or change the one that has this id or external_id. Fields that are absent from
        update_mask stay; without a mask, those that are not empty are written. status is not writable
        here, and no method takes a user's access away yet: docs/operations.md says how it is done.
        Errors: INVALID_ARGUMENT (neither id), PERMISSION_DENIED USER_NOT_ALLOWED (another user than
        the caller may touch), NOT_FOUND (expect_version of a user who is not there), ALREADY_EXISTS
        EXTERNAL_ID_TAKEN (external_id is another user's), ABORTED VERSION_MISMATCH."""
        return self._call(
            user_pb2.UpsertUserReply,
            "usher.v1.UserService/UpsertUser",
            request,
            {
                "user_id": user_id,
                "external_id": external_id,
                "display_name": display_name,
                "email": email,
                "locale": locale,
                "time_zone": time_zone,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )


class AsyncUserService(AsyncService):
    """usher.v1.UserService"""

    async def get_me(
        self,
        request: user_pb2.GetMeRequest | None = None,
        /,
    ) -> common_pb2.User:
        """The caller's own user in the active organisation."""
        return await self._call(
            common_pb2.User,
            "usher.v1.UserService/GetMe",
            request,
            {},
        )

    async def update_me(
        self,
        request: user_pb2.UpdateMeRequest | None = None,
        /,
        *,
        display_name: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> common_pb2.User:
        """Change display_name, locale or time_zone of the caller's own user.
        Errors: INVALID_ARGUMENT (a path that is no such field), ABORTED VERSION_MISMATCH."""
        return await self._call(
            common_pb2.User,
            "usher.v1.UserService/UpdateMe",
            request,
            {
                "display_name": display_name,
                "locale": locale,
                "time_zone": time_zone,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )

    async def get_user(
        self,
        request: user_pb2.GetUserRequest | None = None,
        /,
        *,
        user_id: str | None = None,
    ) -> common_pb2.User:
        """One user of the caller's organisation. user_id may be \"ext:\" and an external_id.
        Errors: NOT_FOUND."""
        return await self._call(
            common_pb2.User,
            "usher.v1.UserService/GetUser",
            request,
            {
                "user_id": user_id,
            },
        )

    async def list_users(
        self,
        request: user_pb2.ListUsersRequest | None = None,
        /,
        *,
        page: common_pb2.PageRequest | Mapping[str, Any] | None = None,
        status: common_pb2.UserStatus | str | None = None,
    ) -> user_pb2.ListUsersReply:
        """The organisation's users, oldest first."""
        return await self._call(
            user_pb2.ListUsersReply,
            "usher.v1.UserService/ListUsers",
            request,
            {
                "page": page,
                "status": status,
            },
        )

    async def upsert_user(
        self,
        request: user_pb2.UpsertUserRequest | None = None,
        /,
        *,
        user_id: str | None = None,
        external_id: str | None = None,
        display_name: str | None = None,
        email: str | None = None,
        locale: str | None = None,
        time_zone: str | None = None,
        update_mask: field_mask_pb2.FieldMask | Mapping[str, Any] | None = None,
        expect_version: int | None = None,
    ) -> user_pb2.UpsertUserReply:
        """Make a user, or change the one that has this id or external_id. Fields that are absent from
        update_mask stay; without a mask, those that are not empty are written. status is not writable
        here, and no method takes a user's access away yet: docs/operations.md says how it is done.
        Errors: INVALID_ARGUMENT (neither id), PERMISSION_DENIED USER_NOT_ALLOWED (another user than
        the caller may touch), NOT_FOUND (expect_version of a user who is not there), ALREADY_EXISTS
        EXTERNAL_ID_TAKEN (external_id is another user's), ABORTED VERSION_MISMATCH."""
        return await self._call(
            user_pb2.UpsertUserReply,
            "usher.v1.UserService/UpsertUser",
            request,
            {
                "user_id": user_id,
                "external_id": external_id,
                "display_name": display_name,
                "email": email,
                "locale": locale,
                "time_zone": time_zone,
                "update_mask": update_mask,
                "expect_version": expect_version,
            },
        )


class Services:
    """Each service as an attribute."""

    @property
    def auth(self: Any) -> AuthService:
        return AuthService(self)

    @property
    def context(self: Any) -> ContextService:
        return ContextService(self)

    @property
    def ops(self: Any) -> OpsService:
        return OpsService(self)

    @property
    def org(self: Any) -> OrgService:
        return OrgService(self)

    @property
    def user(self: Any) -> UserService:
        return UserService(self)


class AsyncServices:
    """Each service as an attribute."""

    @property
    def auth(self: Any) -> AsyncAuthService:
        return AsyncAuthService(self)

    @property
    def context(self: Any) -> AsyncContextService:
        return AsyncContextService(self)

    @property
    def ops(self: Any) -> AsyncOpsService:
        return AsyncOpsService(self)

    @property
    def org(self: Any) -> AsyncOrgService:
        return AsyncOrgService(self)

    @property
    def user(self: Any) -> AsyncUserService:
        return AsyncUserService(self)
