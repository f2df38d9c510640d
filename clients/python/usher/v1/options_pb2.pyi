from google.protobuf import descriptor_pb2 as _descriptor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

ASSURANCE_RECENT: Assurance
ASSURANCE_SECOND_FACTOR: Assurance
ASSURANCE_UNSPECIFIED: Assurance
DESCRIPTOR: _descriptor.FileDescriptor
EFFECT_READ: Effect
EFFECT_RESTRICT: Effect
EFFECT_UNSPECIFIED: Effect
EFFECT_WRITE: Effect
FIELD_FIELD_NUMBER: _ClassVar[int]
LANE_BULK: Lane
LANE_CPU: Lane
LANE_HASH: Lane
LANE_INLINE: Lane
LANE_QUERY: Lane
LANE_UNSPECIFIED: Lane
LANE_WAIT: Lane
RULES_FIELD_NUMBER: _ClassVar[int]
field: _descriptor.FieldDescriptor
rules: _descriptor.FieldDescriptor

class AccessRule(_message.Message):
    __slots__ = ["account", "key", "org", "platform", "public", "self"]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    PLATFORM_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_FIELD_NUMBER: _ClassVar[int]
    SELF_FIELD_NUMBER: _ClassVar[int]
    account: bool
    key: str
    org: str
    platform: str
    public: bool
    self: str
    def __init__(self_, public: bool = ..., account: bool = ..., self: _Optional[str] = ..., org: _Optional[str] = ..., key: _Optional[str] = ..., platform: _Optional[str] = ...) -> None: ...

class FieldRules(_message.Message):
    __slots__ = ["items_max", "json", "length_max", "length_min", "pii", "range", "required", "secret"]
    ITEMS_MAX_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    LENGTH_MAX_FIELD_NUMBER: _ClassVar[int]
    LENGTH_MIN_FIELD_NUMBER: _ClassVar[int]
    PII_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    items_max: int
    json: bool
    length_max: int
    length_min: int
    pii: bool
    range: Range
    required: bool
    secret: bool
    def __init__(self, secret: bool = ..., pii: bool = ..., json: bool = ..., length_min: _Optional[int] = ..., length_max: _Optional[int] = ..., items_max: _Optional[int] = ..., range: _Optional[_Union[Range, _Mapping]] = ..., required: bool = ...) -> None: ...

class HttpRule(_message.Message):
    __slots__ = ["additional_bindings", "body", "delete", "get", "patch", "post", "put", "success_status"]
    ADDITIONAL_BINDINGS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    DELETE_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    PATCH_FIELD_NUMBER: _ClassVar[int]
    POST_FIELD_NUMBER: _ClassVar[int]
    PUT_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_STATUS_FIELD_NUMBER: _ClassVar[int]
    additional_bindings: _containers.RepeatedCompositeFieldContainer[HttpRule]
    body: str
    delete: str
    get: str
    patch: str
    post: str
    put: str
    success_status: int
    def __init__(self, get: _Optional[str] = ..., put: _Optional[str] = ..., post: _Optional[str] = ..., delete: _Optional[str] = ..., patch: _Optional[str] = ..., body: _Optional[str] = ..., success_status: _Optional[int] = ..., additional_bindings: _Optional[_Iterable[_Union[HttpRule, _Mapping]]] = ...) -> None: ...

class MethodRules(_message.Message):
    __slots__ = ["access", "assurance", "audit", "batchable", "bytes_max", "deadline_ms", "effect", "http", "idempotent_by_key", "lane", "write_with"]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    ASSURANCE_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    BATCHABLE_FIELD_NUMBER: _ClassVar[int]
    BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    HTTP_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_BY_KEY_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    WRITE_WITH_FIELD_NUMBER: _ClassVar[int]
    access: _containers.RepeatedCompositeFieldContainer[AccessRule]
    assurance: Assurance
    audit: bool
    batchable: bool
    bytes_max: int
    deadline_ms: int
    effect: Effect
    http: HttpRule
    idempotent_by_key: bool
    lane: Lane
    write_with: str
    def __init__(self, access: _Optional[_Iterable[_Union[AccessRule, _Mapping]]] = ..., lane: _Optional[_Union[Lane, str]] = ..., effect: _Optional[_Union[Effect, str]] = ..., idempotent_by_key: bool = ..., audit: bool = ..., assurance: _Optional[_Union[Assurance, str]] = ..., deadline_ms: _Optional[int] = ..., bytes_max: _Optional[int] = ..., batchable: bool = ..., http: _Optional[_Union[HttpRule, _Mapping]] = ..., write_with: _Optional[str] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ["max", "min"]
    MAX_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    max: int
    min: int
    def __init__(self, min: _Optional[int] = ..., max: _Optional[int] = ...) -> None: ...

class Lane(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Effect(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []

class Assurance(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
