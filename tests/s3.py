"""A storage that speaks S3's protocol on this machine, and is empty."""

import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from moto.server import ThreadedMotoServer
from pyarrow import fs

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "shared"


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve a bucket for as long as the context lasts; yield the URI of a folder in it.

    The environment holds credentials meanwhile, which programs that are started inherit.
    """
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with patch.dict(os.environ, CREDENTIALS):
        endpoint = f"{host}:{port}"
        # Moto keeps what is stored for as long as the process lives.
        urllib.request.urlopen(urllib.request.Request(f"http://{endpoint}/moto-api/reset", method="POST"))
        fs.S3FileSystem(endpoint_override=endpoint, scheme="http", allow_bucket_creation=True).create_dir(
            BUCKET
        )
        try:
            yield f"s3://{BUCKET}/runs?endpoint_override={endpoint}&scheme=http"
        finally:
            server.stop()
