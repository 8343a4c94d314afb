"""File systems that a URI names, as pyarrow opens them: `s3://bucket/prefix?endpoint_override=http://host:9000`."""

from functools import cache
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from train.errors import UsageError

IN_BUCKETS = ("s3", "gcs")


@cache
def open_filesystem(uri: str, option: str) -> tuple[fs.FileSystem, str]:
    """Return pyarrow's file system of a URI that `option` names, and the path on it, without a slash at its end."""
    if urlsplit(uri).password:
        raise UsageError(
            f"{option} must not hold a password: it is written down and stands in logs",
            urlsplit(uri)._replace(netloc="...").geturl(),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY on every node, or give the machines a role",
        )
    try:
        filesystem, path = fs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise make_unreachable_error(uri, error, option) from error
    path = path.rstrip("/")
    if not path and filesystem.type_name in IN_BUCKETS:
        raise UsageError(f"{option} must name a bucket", uri, "for example s3://bucket/prefix")
    return filesystem, path


def make_unreachable_error(uri: str, error: Exception, option: str) -> UsageError:
    """Return what to raise where a storage does not answer."""
    return UsageError(
        f"{option} must be on this machine or a URI that pyarrow can open, with credentials in the environment",
        f"{uri}: {error}",
        "for example s3://bucket/prefix, or s3://bucket/prefix?endpoint_override=http://host:9000",
    )
