from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from usher.v1 import common_pb2 as _common_pb2
from usher.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
STABILITY_SESSION: Stability
STABILITY_STABLE: Stability
STABILITY_UNSPECIFIED: Stability
STABILITY_VOLATILE: Stability
TRUST_ADMIN_SET: Trust
TRUST_ASSERTED: Trust
TRUST_UNSPECIFIED: Trust
TRUST_USER_WRITTEN: Trust
TURN_ROLE_ASSISTANT: TurnRole
TURN_ROLE_SYSTEM: TurnRole
TURN_ROLE_TOOL: TurnRole
TURN_ROLE_UNSPECIFIED: TurnRole
TURN_ROLE_USER: TurnRole

class ApiKey(_message.Message):
    __slots__ = ["allowed_networks", "bound_user_id", "chatbot_id", "created_at", "default_user_id", "display_name", "expires_at", "key_id", "last_used_at", "prefix", "quota", "revoked_at", "scopes"]
    ALLOWED_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    BOUND_USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_USER_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_AT_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    allowed_networks: _containers.RepeatedScalarFieldContainer[str]
    bound_user_id: str
    chatbot_id: str
    created_at: _timestamp_pb2.Timestamp
    default_user_id: str
    display_name: str
    expires_at: _timestamp_pb2.Timestamp
    key_id: str
    last_used_at: _timestamp_pb2.Timestamp
    prefix: str
    quota: Quota
    revoked_at: _timestamp_pb2.Timestamp
    scopes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, key_id: _Optional[str] = ..., chatbot_id: _Optional[str] = ..., display_name: _Optional[str] = ..., prefix: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., default_user_id: _Optional[str] = ..., bound_user_id: _Optional[str] = ..., allowed_networks: _Optional[_Iterable[str]] = ..., quota: _Optional[_Union[Quota, _Mapping]] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_used_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class AppendTurnsReply(_message.Message):
    __slots__ = ["conversation_id", "first_seq", "last_seq"]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    first_seq: int
    last_seq: int
    def __init__(self, conversation_id: _Optional[str] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ...) -> None: ...

class AppendTurnsRequest(_message.Message):
    __slots__ = ["chatbot_id", "conversation", "expect_seq", "turns", "user_id"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    EXPECT_SEQ_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    conversation: str
    expect_seq: int
    turns: _containers.RepeatedCompositeFieldContainer[NewTurn]
    user_id: str
    def __init__(self, chatbot_id: _Optional[str] = ..., conversation: _Optional[str] = ..., user_id: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[NewTurn, _Mapping]]] = ..., expect_seq: _Optional[int] = ...) -> None: ...

class BatchContext(_message.Message):
    __slots__ = ["context", "found", "left_out", "read_id", "user_id"]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    READ_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    context: ContextBlock
    found: bool
    left_out: bool
    read_id: str
    user_id: str
    def __init__(self, user_id: _Optional[str] = ..., found: bool = ..., context: _Optional[_Union[ContextBlock, _Mapping]] = ..., read_id: _Optional[str] = ..., left_out: bool = ...) -> None: ...

class BatchGetContextReply(_message.Message):
    __slots__ = ["contexts"]
    CONTEXTS_FIELD_NUMBER: _ClassVar[int]
    contexts: _containers.RepeatedCompositeFieldContainer[BatchContext]
    def __init__(self, contexts: _Optional[_Iterable[_Union[BatchContext, _Mapping]]] = ...) -> None: ...

class BatchGetContextRequest(_message.Message):
    __slots__ = ["chatbot_id", "purpose", "token_budget", "user_ids"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    USER_IDS_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    purpose: str
    token_budget: int
    user_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user_ids: _Optional[_Iterable[str]] = ..., chatbot_id: _Optional[str] = ..., token_budget: _Optional[int] = ..., purpose: _Optional[str] = ...) -> None: ...

class Caller(_message.Message):
    __slots__ = ["key_id", "org_id", "scopes", "user_id"]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    org_id: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    user_id: str
    def __init__(self, org_id: _Optional[str] = ..., key_id: _Optional[str] = ..., user_id: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ...) -> None: ...

class Chatbot(_message.Message):
    __slots__ = ["alias", "chatbot_id", "created_at", "disabled", "display_name", "instructions", "org_id", "updated_at", "version"]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    alias: str
    chatbot_id: str
    created_at: _timestamp_pb2.Timestamp
    disabled: bool
    display_name: str
    instructions: str
    org_id: str
    updated_at: _timestamp_pb2.Timestamp
    version: int
    def __init__(self, chatbot_id: _Optional[str] = ..., org_id: _Optional[str] = ..., alias: _Optional[str] = ..., display_name: _Optional[str] = ..., instructions: _Optional[str] = ..., disabled: bool = ..., version: _Optional[int] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ContextBlock(_message.Message):
    __slots__ = ["etag", "omitted", "redacted_fields", "segments", "tokens"]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    OMITTED_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELDS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    etag: str
    omitted: _containers.RepeatedCompositeFieldContainer[Omission]
    redacted_fields: _containers.RepeatedScalarFieldContainer[str]
    segments: _containers.RepeatedCompositeFieldContainer[ContextSegment]
    tokens: int
    def __init__(self, segments: _Optional[_Iterable[_Union[ContextSegment, _Mapping]]] = ..., tokens: _Optional[int] = ..., omitted: _Optional[_Iterable[_Union[Omission, _Mapping]]] = ..., redacted_fields: _Optional[_Iterable[str]] = ..., etag: _Optional[str] = ...) -> None: ...

class ContextItem(_message.Message):
    __slots__ = ["name", "text", "trust"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    trust: Trust
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., trust: _Optional[_Union[Trust, str]] = ...) -> None: ...

class ContextSegment(_message.Message):
    __slots__ = ["etag", "items", "name", "stability", "text", "tokens", "tokens_estimated", "unchanged"]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STABILITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    etag: str
    items: _containers.RepeatedCompositeFieldContainer[ContextItem]
    name: str
    stability: Stability
    text: str
    tokens: int
    tokens_estimated: bool
    unchanged: bool
    def __init__(self, name: _Optional[str] = ..., stability: _Optional[_Union[Stability, str]] = ..., etag: _Optional[str] = ..., text: _Optional[str] = ..., tokens: _Optional[int] = ..., tokens_estimated: bool = ..., items: _Optional[_Iterable[_Union[ContextItem, _Mapping]]] = ..., unchanged: bool = ...) -> None: ...

class CreateApiKeyReply(_message.Message):
    __slots__ = ["api_key", "key"]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    api_key: str
    key: ApiKey
    def __init__(self, key: _Optional[_Union[ApiKey, _Mapping]] = ..., api_key: _Optional[str] = ...) -> None: ...

class CreateApiKeyRequest(_message.Message):
    __slots__ = ["allowed_networks", "bound_user_id", "chatbot_id", "default_user_id", "display_name", "expires_at", "quota", "scopes"]
    ALLOWED_NETWORKS_FIELD_NUMBER: _ClassVar[int]
    BOUND_USER_ID_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_USER_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    allowed_networks: _containers.RepeatedScalarFieldContainer[str]
    bound_user_id: str
    chatbot_id: str
    default_user_id: str
    display_name: str
    expires_at: _timestamp_pb2.Timestamp
    quota: Quota
    scopes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, chatbot_id: _Optional[str] = ..., display_name: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., default_user_id: _Optional[str] = ..., bound_user_id: _Optional[str] = ..., allowed_networks: _Optional[_Iterable[str]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., quota: _Optional[_Union[Quota, _Mapping]] = ...) -> None: ...

class CreateChatbotRequest(_message.Message):
    __slots__ = ["alias", "chatbot_id", "display_name", "instructions"]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTIONS_FIELD_NUMBER: _ClassVar[int]
    alias: str
    chatbot_id: str
    display_name: str
    instructions: str
    def __init__(self, chatbot_id: _Optional[str] = ..., alias: _Optional[str] = ..., display_name: _Optional[str] = ..., instructions: _Optional[str] = ...) -> None: ...

class GetChatbotRequest(_message.Message):
    __slots__ = ["chatbot_id"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    def __init__(self, chatbot_id: _Optional[str] = ...) -> None: ...

class GetContextReply(_message.Message):
    __slots__ = ["context", "read_id", "user_id"]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    READ_ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    context: ContextBlock
    read_id: str
    user_id: str
    def __init__(self, user_id: _Optional[str] = ..., context: _Optional[_Union[ContextBlock, _Mapping]] = ..., read_id: _Optional[str] = ...) -> None: ...

class GetContextRequest(_message.Message):
    __slots__ = ["chatbot_id", "conversation", "have_etags", "purpose", "token_budget", "user_id", "with_items"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    HAVE_ETAGS_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_ITEMS_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    conversation: str
    have_etags: _containers.RepeatedScalarFieldContainer[str]
    purpose: str
    token_budget: int
    user_id: str
    with_items: bool
    def __init__(self, user_id: _Optional[str] = ..., chatbot_id: _Optional[str] = ..., conversation: _Optional[str] = ..., token_budget: _Optional[int] = ..., have_etags: _Optional[_Iterable[str]] = ..., purpose: _Optional[str] = ..., with_items: bool = ...) -> None: ...

class GetProfileReply(_message.Message):
    __slots__ = ["profile", "user_id"]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    profile: _common_pb2.Profile
    user_id: str
    def __init__(self, user_id: _Optional[str] = ..., profile: _Optional[_Union[_common_pb2.Profile, _Mapping]] = ...) -> None: ...

class GetProfileRequest(_message.Message):
    __slots__ = ["user_id"]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class ListApiKeysReply(_message.Message):
    __slots__ = ["keys", "page"]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedCompositeFieldContainer[ApiKey]
    page: _common_pb2.PageReply
    def __init__(self, keys: _Optional[_Iterable[_Union[ApiKey, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ListApiKeysRequest(_message.Message):
    __slots__ = ["chatbot_id", "page"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    page: _common_pb2.PageRequest
    def __init__(self, chatbot_id: _Optional[str] = ..., page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ...) -> None: ...

class ListChatbotsReply(_message.Message):
    __slots__ = ["chatbots", "page"]
    CHATBOTS_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    chatbots: _containers.RepeatedCompositeFieldContainer[Chatbot]
    page: _common_pb2.PageReply
    def __init__(self, chatbots: _Optional[_Iterable[_Union[Chatbot, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ListChatbotsRequest(_message.Message):
    __slots__ = ["page"]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    page: _common_pb2.PageRequest
    def __init__(self, page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ...) -> None: ...

class ListTurnsReply(_message.Message):
    __slots__ = ["conversation_id", "page", "turns"]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TURNS_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    page: _common_pb2.PageReply
    turns: _containers.RepeatedCompositeFieldContainer[Turn]
    def __init__(self, conversation_id: _Optional[str] = ..., turns: _Optional[_Iterable[_Union[Turn, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ListTurnsRequest(_message.Message):
    __slots__ = ["chatbot_id", "conversation", "page"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    conversation: str
    page: _common_pb2.PageRequest
    def __init__(self, chatbot_id: _Optional[str] = ..., conversation: _Optional[str] = ..., page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ...) -> None: ...

class NewTurn(_message.Message):
    __slots__ = ["attributes", "role", "text"]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    attributes: str
    role: TurnRole
    text: str
    def __init__(self, role: _Optional[_Union[TurnRole, str]] = ..., text: _Optional[str] = ..., attributes: _Optional[str] = ...) -> None: ...

class Omission(_message.Message):
    __slots__ = ["name", "segment", "tokens"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    name: str
    segment: str
    tokens: int
    def __init__(self, segment: _Optional[str] = ..., name: _Optional[str] = ..., tokens: _Optional[int] = ...) -> None: ...

class PutProfileRequest(_message.Message):
    __slots__ = ["expect_version", "profile", "update_mask", "user_id"]
    EXPECT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    expect_version: int
    profile: _common_pb2.Profile
    update_mask: _field_mask_pb2.FieldMask
    user_id: str
    def __init__(self, user_id: _Optional[str] = ..., profile: _Optional[_Union[_common_pb2.Profile, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expect_version: _Optional[int] = ...) -> None: ...

class Quota(_message.Message):
    __slots__ = ["requests_per_day", "requests_per_minute"]
    REQUESTS_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    requests_per_day: int
    requests_per_minute: int
    def __init__(self, requests_per_minute: _Optional[int] = ..., requests_per_day: _Optional[int] = ...) -> None: ...

class QuotaState(_message.Message):
    __slots__ = ["remaining", "resets_at"]
    REMAINING_FIELD_NUMBER: _ClassVar[int]
    RESETS_AT_FIELD_NUMBER: _ClassVar[int]
    remaining: int
    resets_at: _timestamp_pb2.Timestamp
    def __init__(self, remaining: _Optional[int] = ..., resets_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ResolveReply(_message.Message):
    __slots__ = ["caller", "chatbot", "context", "conversation_id", "degraded", "from_memory", "quota", "read_id", "seq", "user"]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CHATBOT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    FROM_MEMORY_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    READ_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    caller: Caller
    chatbot: Chatbot
    context: ContextBlock
    conversation_id: str
    degraded: bool
    from_memory: bool
    quota: QuotaState
    read_id: str
    seq: int
    user: _common_pb2.User
    def __init__(self, caller: _Optional[_Union[Caller, _Mapping]] = ..., chatbot: _Optional[_Union[Chatbot, _Mapping]] = ..., user: _Optional[_Union[_common_pb2.User, _Mapping]] = ..., context: _Optional[_Union[ContextBlock, _Mapping]] = ..., read_id: _Optional[str] = ..., quota: _Optional[_Union[QuotaState, _Mapping]] = ..., conversation_id: _Optional[str] = ..., seq: _Optional[int] = ..., degraded: bool = ..., from_memory: bool = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ["chatbot_id", "conversation", "have_etags", "message", "purpose", "token_budget", "user_id", "with_items"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    HAVE_ETAGS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_BUDGET_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    WITH_ITEMS_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    conversation: str
    have_etags: _containers.RepeatedScalarFieldContainer[str]
    message: str
    purpose: str
    token_budget: int
    user_id: str
    with_items: bool
    def __init__(self, chatbot_id: _Optional[str] = ..., user_id: _Optional[str] = ..., message: _Optional[str] = ..., conversation: _Optional[str] = ..., token_budget: _Optional[int] = ..., have_etags: _Optional[_Iterable[str]] = ..., purpose: _Optional[str] = ..., with_items: bool = ...) -> None: ...

class RevokeApiKeyRequest(_message.Message):
    __slots__ = ["chatbot_id", "key_id"]
    CHATBOT_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    chatbot_id: str
    key_id: str
    def __init__(self, chatbot_id: _Optional[str] = ..., key_id: _Optional[str] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ["attributes", "created_at", "role", "seq", "text", "tokens"]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    attributes: str
    created_at: _timestamp_pb2.Timestamp
    role: TurnRole
    seq: int
    text: str
    tokens: int
    def __init__(self, seq: _Optional[int] = ..., role: _Optional[_Union[TurnRole, str]] = ..., text: _Optional[str] = ..., attributes: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., tokens: _Optional[int] = ...) -> None: ...

class TurnRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Stability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Trust(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
