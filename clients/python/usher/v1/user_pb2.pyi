from google.protobuf import field_mask_pb2 as _field_mask_pb2
from usher.v1 import common_pb2 as _common_pb2
from usher.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetMeRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetUserRequest(_message.Message):
    __slots__ = ["user_id"]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    def __init__(self, user_id: _Optional[str] = ...) -> None: ...

class ListUsersReply(_message.Message):
    __slots__ = ["page", "users"]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    page: _common_pb2.PageReply
    users: _containers.RepeatedCompositeFieldContainer[_common_pb2.User]
    def __init__(self, users: _Optional[_Iterable[_Union[_common_pb2.User, _Mapping]]] = ..., page: _Optional[_Union[_common_pb2.PageReply, _Mapping]] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ["page", "status"]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    page: _common_pb2.PageRequest
    status: _common_pb2.UserStatus
    def __init__(self, page: _Optional[_Union[_common_pb2.PageRequest, _Mapping]] = ..., status: _Optional[_Union[_common_pb2.UserStatus, str]] = ...) -> None: ...

class UpdateMeRequest(_message.Message):
    __slots__ = ["display_name", "expect_version", "locale", "time_zone", "update_mask"]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    expect_version: int
    locale: str
    time_zone: str
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, display_name: _Optional[str] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expect_version: _Optional[int] = ...) -> None: ...

class UpsertUserReply(_message.Message):
    __slots__ = ["created", "user"]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    created: bool
    user: _common_pb2.User
    def __init__(self, user: _Optional[_Union[_common_pb2.User, _Mapping]] = ..., created: bool = ...) -> None: ...

class UpsertUserRequest(_message.Message):
    __slots__ = ["display_name", "email", "expect_version", "external_id", "locale", "time_zone", "update_mask", "user_id"]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    EXPECT_VERSION_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    display_name: str
    email: str
    expect_version: int
    external_id: str
    locale: str
    time_zone: str
    update_mask: _field_mask_pb2.FieldMask
    user_id: str
    def __init__(self, user_id: _Optional[str] = ..., external_id: _Optional[str] = ..., display_name: _Optional[str] = ..., email: _Optional[str] = ..., locale: _Optional[str] = ..., time_zone: _Optional[str] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., expect_version: _Optional[int] = ...) -> None: ...
