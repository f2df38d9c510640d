from google.protobuf import timestamp_pb2 as _timestamp_pb2
from usher.v1 import common_pb2 as _common_pb2
from usher.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

CREDENTIAL_KIND_ACCESS_TOKEN: CredentialKind
CREDENTIAL_KIND_API_KEY: CredentialKind
CREDENTIAL_KIND_UNSPECIFIED: CredentialKind
DESCRIPTOR: _descriptor.FileDescriptor

class GetJwksReply(_message.Message):
    __slots__ = ["keys"]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[JsonWebKey]
    def __init__(self, keys: _Optional[_Iterable[_Union[JsonWebKey, _Mapping]]] = ...) -> None: ...

class GetJwksRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class IntrospectReply(_message.Message):
    __slots__ = ["account_id", "active", "chatbot_id", "expires_at", "issued_at", "key_id", "kind", "org_id", "scopes", "session_id", "user_id"]
    ACCOUNT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ISSUED_AT_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    account_id: str
    active: bool
    chatbot_id: str
    expires_at: _timestamp_pb2.Timestamp
    issued_at: _timestamp_pb2.Timestamp
    key_id: str
    kind: CredentialKind
    org_id: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    user_id: str
    def __init__(self, active: bool = ..., kind: _Optional[_Union[CredentialKind, str]] = ..., org_id: _Optional[str] = ..., account_id: _Optional[str] = ..., user_id: _Optional[str] = ..., session_id: _Optional[str] = ..., key_id: _Optional[str] = ..., chatbot_id: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., issued_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class IntrospectRequest(_message.Message):
    __slots__ = ["token"]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class JsonWebKey(_message.Message):
    __slots__ = ["alg", "crv", "kid", "kty", "use", "x", "y"]
    ALG_FIELD_NUMBER: _ClassVar[int]
    CRV_FIELD_NUMBER: _ClassVar[int]
    KID_FIELD_NUMBER: _ClassVar[int]
    KTY_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    alg: str
    crv: str
    kid: str
    kty: str
    use: str
    x: str
    y: str
    def __init__(self, kty: _Optional[str] = ..., crv: _Optional[str] = ..., alg: _Optional[str] = ..., use: _Optional[str] = ..., kid: _Optional[str] = ..., x: _Optional[str] = ..., y: _Optional[str] = ...) -> None: ...

class LoginRequest(_message.Message):
    __slots__ = ["email", "org_id", "password"]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    email: str
    org_id: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., org_id: _Optional[str] = ...) -> None: ...

class LogoutReply(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class RefreshRequest(_message.Message):
    __slots__ = ["refresh_token"]
    REFRESH_TOKEN_FIELD_NUMBER: _ClassVar[int]
    refresh_token: str
    def __init__(self, refresh_token: _Optional[str] = ...) -> None: ...

class SignUpReply(_message.Message):
    __slots__ = ["debug_code", "email_sent", "requires_verification", "signup_id"]
    DEBUG_CODE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_SENT_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_VERIFICATION_FIELD_NUMBER: _ClassVar[int]
    SIGNUP_ID_FIELD_NUMBER: _ClassVar[int]
    debug_code: str
    email_sent: bool
    requires_verification: bool
    signup_id: str
    def __init__(self, signup_id: _Optional[str] = ..., requires_verification: bool = ..., email_sent: bool = ..., debug_code: _Optional[str] = ...) -> None: ...

class SignUpRequest(_message.Message):
    __slots__ = ["display_name", "email", "locale", "password"]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    email: str
    locale: str
    password: str
    def __init__(self, email: _Optional[str] = ..., password: _Optional[str] = ..., display_name: _Optional[str] = ..., locale: _Optional[str] = ...) -> None: ...

class VerifyEmailRequest(_message.Message):
    __slots__ = ["code", "email", "signup_id"]
    CODE_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    SIGNUP_ID_FIELD_NUMBER: _ClassVar[int]
    code: str
    email: str
    signup_id: str
    def __init__(self, signup_id: _Optional[str] = ..., email: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class CredentialKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
