"""Files that are complete or absent, on this machine or behind a URL (extra `storage`).

`location` alone decides what a text means: a path, or a URL that fsspec knows, such as
`s3://bucket/runs`. The functions take both. Those for links, permissions and appended lines take
paths of this machine.
"""

from __future__ import annotations

from sordino.storage.local import (
    ARCHIVE_BYTES,
    LONGEST_PATH,
    PRIVATE,
    PRIVATE_FOLDER,
    SHARED,
    append,
    as_storage_error,
    create,
    file_state,
    open_file,
    open_stored,
    set_aside,
    temporary_setting,
)
from sordino.storage.location import (
    Location,
    exists,
    file_sha256,
    files,
    folder,
    local_copy,
    location,
    on_this_machine,
    read_regular,
    remove,
    writable_location,
    write,
)
from sordino.storage.names import LONGEST_NAME, cell, safe_name
from sordino.storage.remote import Remote

__all__ = [
    "ARCHIVE_BYTES",
    "LONGEST_NAME",
    "LONGEST_PATH",
    "PRIVATE",
    "PRIVATE_FOLDER",
    "SHARED",
    "Location",
    "Remote",
    "append",
    "as_storage_error",
    "cell",
    "create",
    "exists",
    "file_sha256",
    "file_state",
    "files",
    "folder",
    "local_copy",
    "location",
    "on_this_machine",
    "open_file",
    "open_stored",
    "read_regular",
    "remove",
    "safe_name",
    "set_aside",
    "temporary_setting",
    "writable_location",
    "write",
]
