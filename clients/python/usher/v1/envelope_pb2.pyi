from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BadRequest(_message.Message):
    __slots__ = ["violations"]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    def __init__(self, violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ...) -> None: ...

class BatchReply(_message.Message):
    __slots__ = ["items"]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Response]
    def __init__(self, items: _Optional[_Iterable[_Union[Response, _Mapping]]] = ...) -> None: ...

class BatchRequest(_message.Message):
    __slots__ = ["items"]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Request]
    def __init__(self, items: _Optional[_Iterable[_Union[Request, _Mapping]]] = ...) -> None: ...

class Detail(_message.Message):
    __slots__ = ["bad_request", "error_info", "retry_info"]
    BAD_REQUEST_FIELD_NUMBER: _ClassVar[int]
    ERROR_INFO_FIELD_NUMBER: _ClassVar[int]
    RETRY_INFO_FIELD_NUMBER: _ClassVar[int]
    bad_request: BadRequest
    error_info: ErrorInfo
    retry_info: RetryInfo
    def __init__(self, error_info: _Optional[_Union[ErrorInfo, _Mapping]] = ..., bad_request: _Optional[_Union[BadRequest, _Mapping]] = ..., retry_info: _Optional[_Union[RetryInfo, _Mapping]] = ...) -> None: ...

class ErrorInfo(_message.Message):
    __slots__ = ["domain", "metadata", "reason"]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    domain: str
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    reason: str
    def __init__(self, reason: _Optional[str] = ..., domain: _Optional[str] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ["description", "field"]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    description: str
    field: str
    def __init__(self, field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ["key", "value"]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ["at_least", "call_id", "client_ip", "credential", "idempotency_key", "memory_only", "metadata", "method", "method_id", "on_behalf_of", "org", "payload", "timeout_ms", "trace", "via"]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_IP_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ONLY_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    METHOD_ID_FIELD_NUMBER: _ClassVar[int]
    ON_BEHALF_OF_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    at_least: bytes
    call_id: int
    client_ip: str
    credential: bytes
    idempotency_key: bytes
    memory_only: bool
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    method: str
    method_id: int
    on_behalf_of: bytes
    org: str
    payload: bytes
    timeout_ms: int
    trace: bytes
    via: bytes
    def __init__(self, method_id: _Optional[int] = ..., method: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., call_id: _Optional[int] = ..., credential: _Optional[bytes] = ..., on_behalf_of: _Optional[bytes] = ..., via: _Optional[bytes] = ..., trace: _Optional[bytes] = ..., idempotency_key: _Optional[bytes] = ..., at_least: _Optional[bytes] = ..., org: _Optional[str] = ..., client_ip: _Optional[str] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., payload: _Optional[bytes] = ..., memory_only: bool = ...) -> None: ...

class Response(_message.Message):
    __slots__ = ["call_id", "code", "details", "memory_only", "message", "metadata", "payload", "replayed", "retry_after_ms", "revision"]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_ONLY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    call_id: int
    code: int
    details: _containers.RepeatedCompositeFieldContainer[Detail]
    memory_only: bool
    message: str
    metadata: _containers.RepeatedCompositeFieldContainer[Pair]
    payload: bytes
    replayed: bool
    retry_after_ms: int
    revision: bytes
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., details: _Optional[_Iterable[_Union[Detail, _Mapping]]] = ..., call_id: _Optional[int] = ..., retry_after_ms: _Optional[int] = ..., replayed: bool = ..., revision: _Optional[bytes] = ..., metadata: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ..., payload: _Optional[bytes] = ..., memory_only: bool = ...) -> None: ...

class RetryInfo(_message.Message):
    __slots__ = ["retry_after_ms"]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    retry_after_ms: int
    def __init__(self, retry_after_ms: _Optional[int] = ...) -> None: ...
