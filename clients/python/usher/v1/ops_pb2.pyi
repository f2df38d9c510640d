from google.protobuf import timestamp_pb2 as _timestamp_pb2
from usher.v1 import common_pb2 as _common_pb2
from usher.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor
OPERATION_STATE_CANCELLED: OperationState
OPERATION_STATE_FAILED: OperationState
OPERATION_STATE_PENDING: OperationState
OPERATION_STATE_RUNNING: OperationState
OPERATION_STATE_SUCCEEDED: OperationState
OPERATION_STATE_UNSPECIFIED: OperationState

class CacheStatus(_message.Message):
    __slots__ = ["bytes", "bytes_max", "dropped", "entries", "hits", "misses", "name"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    BYTES_MAX_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    bytes_max: int
    dropped: int
    entries: int
    hits: int
    misses: int
    name: str
    def __init__(self, name: _Optional[str] = ..., entries: _Optional[int] = ..., bytes: _Optional[int] = ..., bytes_max: _Optional[int] = ..., hits: _Optional[int] = ..., misses: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...

class CancelOperationRequest(_message.Message):
    __slots__ = ["operation_id"]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class DatabaseStatus(_message.Message):
    __slots__ = ["connections_max", "connections_used", "database", "host", "latency_ms", "port", "role", "schema_version", "server_version"]
    CONNECTIONS_MAX_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_USED_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    LATENCY_MS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    connections_max: int
    connections_used: int
    database: str
    host: str
    latency_ms: float
    port: str
    role: str
    schema_version: int
    server_version: str
    def __init__(self, host: _Optional[str] = ..., port: _Optional[str] = ..., database: _Optional[str] = ..., role: _Optional[str] = ..., server_version: _Optional[str] = ..., schema_version: _Optional[int] = ..., latency_ms: _Optional[float] = ..., connections_used: _Optional[int] = ..., connections_max: _Optional[int] = ...) -> None: ...

class GetDescriptorsReply(_message.Message):
    __slots__ = ["file_descriptor_set", "services"]
    FILE_DESCRIPTOR_SET_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    file_descriptor_set: bytes
    services: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, file_descriptor_set: _Optional[bytes] = ..., services: _Optional[_Iterable[str]] = ...) -> None: ...

class GetDescriptorsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetHealthReply(_message.Message):
    __slots__ = ["database_reachable", "lease_held", "mail_configured", "mode", "ready", "reason", "schema_version", "schema_version_needed", "services", "version"]
    DATABASE_REACHABLE_FIELD_NUMBER: _ClassVar[int]
    LEASE_HELD_FIELD_NUMBER: _ClassVar[int]
    MAIL_CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_NEEDED_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    database_reachable: bool
    lease_held: bool
    mail_configured: bool
    mode: str
    ready: bool
    reason: str
    schema_version: int
    schema_version_needed: int
    services: _containers.RepeatedScalarFieldContainer[str]
    version: str
    def __init__(self, ready: bool = ..., reason: _Optional[str] = ..., version: _Optional[str] = ..., database_reachable: bool = ..., schema_version: _Optional[int] = ..., schema_version_needed: _Optional[int] = ..., services: _Optional[_Iterable[str]] = ..., mode: _Optional[str] = ..., mail_configured: bool = ..., lease_held: bool = ...) -> None: ...

class GetHealthRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetOperationRequest(_message.Message):
    __slots__ = ["operation_id"]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    def __init__(self, operation_id: _Optional[str] = ...) -> None: ...

class GetStatusReply(_message.Message):
    __slots__ = ["caches", "clock_ahead_ms", "database", "descriptors_max", "descriptors_open", "feed_age_ms", "jobs", "lanes", "live_nodes", "log_lines_dropped", "node_id", "resident_bytes", "started_at", "tables", "version"]
    CACHES_FIELD_NUMBER: _ClassVar[int]
    CLOCK_AHEAD_MS_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_MAX_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTORS_OPEN_FIELD_NUMBER: _ClassVar[int]
    FEED_AGE_MS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    LIVE_NODES_FIELD_NUMBER: _ClassVar[int]
    LOG_LINES_DROPPED_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    caches: _containers.RepeatedCompositeFieldContainer[CacheStatus]
    clock_ahead_ms: float
    database: DatabaseStatus
    descriptors_max: int
    descriptors_open: int
    feed_age_ms: float
    jobs: _containers.RepeatedCompositeFieldContainer[JobStatus]
    lanes: _containers.RepeatedCompositeFieldContainer[LaneStatus]
    live_nodes: int
    log_lines_dropped: int
    node_id: str
    resident_bytes: int
    started_at: _timestamp_pb2.Timestamp
    tables: _containers.RepeatedCompositeFieldContainer[TableStatus]
    version: str
    def __init__(self, version: _Optional[str] = ..., node_id: _Optional[str] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., database: _Optional[_Union[DatabaseStatus, _Mapping]] = ..., tables: _Optional[_Iterable[_Union[TableStatus, _Mapping]]] = ..., caches: _Optional[_Iterable[_Union[CacheStatus, _Mapping]]] = ..., lanes: _Optional[_Iterable[_Union[LaneStatus, _Mapping]]] = ..., jobs: _Optional[_Iterable[_Union[JobStatus, _Mapping]]] = ..., feed_age_ms: _Optional[float] = ..., live_nodes: _Optional[int] = ..., resident_bytes: _Optional[int] = ..., log_lines_dropped: _Optional[int] = ..., clock_ahead_ms: _Optional[float] = ..., descriptors_open: _Optional[int] = ..., descriptors_max: _Optional[int] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ["exact_counts"]
    EXACT_COUNTS_FIELD_NUMBER: _ClassVar[int]
    exact_counts: bool
    def __init__(self, exact_counts: bool = ...) -> None: ...

class JobStatus(_message.Message):
    __slots__ = ["about", "backlog", "done", "errors", "last_duration_ms", "last_error", "last_run_at", "name", "of_cluster", "period_ms", "runs"]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    BACKLOG_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    LAST_DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_RUN_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OF_CLUSTER_FIELD_NUMBER: _ClassVar[int]
    PERIOD_MS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    about: str
    backlog: int
    done: int
    errors: int
    last_duration_ms: float
    last_error: str
    last_run_at: _timestamp_pb2.Timestamp
    name: str
    of_cluster: bool
    period_ms: float
    runs: int
    def __init__(self, name: _Optional[str] = ..., last_run_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., last_duration_ms: _Optional[float] = ..., runs: _Optional[int] = ..., errors: _Optional[int] = ..., backlog: _Optional[int] = ..., last_error: _Optional[str] = ..., done: _Optional[int] = ..., period_ms: _Optional[float] = ..., of_cluster: bool = ..., about: _Optional[str] = ...) -> None: ...

class LaneStatus(_message.Message):
    __slots__ = ["busy", "done", "expired", "name", "queue_max", "queued", "refused", "workers"]
    BUSY_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    QUEUE_MAX_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    busy: int
    done: int
    expired: int
    name: str
    queue_max: int
    queued: int
    refused: int
    workers: int
    def __init__(self, name: _Optional[str] = ..., workers: _Optional[int] = ..., busy: _Optional[int] = ..., queued: _Optional[int] = ..., queue_max: _Optional[int] = ..., done: _Optional[int] = ..., refused: _Optional[int] = ..., expired: _Optional[int] = ...) -> None: ...

class ListJobsReply(_message.Message):
    __slots__ = ["jobs"]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    jobs: _containers.RepeatedCompositeFieldContainer[JobStatus]
    def __init__(self, jobs: _Optional[_Iterable[_Union[JobStatus, _Mapping]]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ListOperationsReply(_message.Message):
    __slots__ = ["operations", "page"]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    page: _common_pb2.PageReply
    def __init__(self, operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ListOperationsRequest(_message.Message):
    __slots__ = ["kind", "page"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    page: _common_pb2.PageRequest
    def __init__(self, kind: _Optional[str] = ..., page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ["cancel_requested", "created_at", "done", "error", "expires_at", "finished_at", "kind", "node_id", "operation_id", "org_id", "parameters", "results", "started_at", "started_by", "state", "total", "updated_at"]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    ORG_ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STARTED_BY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    cancel_requested: bool
    created_at: _timestamp_pb2.Timestamp
    done: int
    error: str
    expires_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    kind: str
    node_id: str
    operation_id: str
    org_id: str
    parameters: str
    results: int
    started_at: _timestamp_pb2.Timestamp
    started_by: str
    state: OperationState
    total: int
    updated_at: _timestamp_pb2.Timestamp
    def __init__(self, operation_id: _Optional[str] = ..., org_id: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[_Union[OperationState, str]] = ..., parameters: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., results: _Optional[int] = ..., error: _Optional[str] = ..., cancel_requested: bool = ..., started_by: _Optional[str] = ..., node_id: _Optional[str] = ..., created_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OperationItem(_message.Message):
    __slots__ = ["item", "seq"]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    item: str
    seq: int
    def __init__(self, seq: _Optional[int] = ..., item: _Optional[str] = ...) -> None: ...

class ReadOperationResultReply(_message.Message):
    __slots__ = ["items", "operation", "page"]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OperationItem]
    operation: Operation
    page: _common_pb2.PageReply
    def __init__(self, operation: _Optional[_Union[Operation, _Mapping]] = ..., items: _Optional[_Iterable[_Union[OperationItem, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ReadOperationResultRequest(_message.Message):
    __slots__ = ["operation_id", "page"]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    operation_id: str
    page: _common_pb2.PageRequest
    def __init__(self, operation_id: _Optional[str] = ..., page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ...) -> None: ...

class RunJobReply(_message.Message):
    __slots__ = ["job"]
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: JobStatus
    def __init__(self, job: _Optional[_Union[JobStatus, _Mapping]] = ...) -> None: ...

class RunJobRequest(_message.Message):
    __slots__ = ["job"]
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: str
    def __init__(self, job: _Optional[str] = ...) -> None: ...

class StartOperationRequest(_message.Message):
    __slots__ = ["kind", "parameters"]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    parameters: str
    def __init__(self, kind: _Optional[str] = ..., parameters: _Optional[str] = ...) -> None: ...

class TableStatus(_message.Message):
    __slots__ = ["bytes", "estimated", "name", "rows"]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    estimated: bool
    name: str
    rows: int
    def __init__(self, name: _Optional[str] = ..., rows: _Optional[int] = ..., estimated: bool = ..., bytes: _Optional[int] = ...) -> None: ...

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
