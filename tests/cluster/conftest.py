"""Storage that the contracts run on: a folder, and a bucket of an S3 server that answers over HTTP."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cluster.blobs import Blobs, open_blobs


@pytest.fixture(scope="session")
def bucket_url() -> Iterator[str]:
    """The address of an empty bucket; the server's own is in the environment, as on any machine that uses S3."""
    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("obstore")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/vitrine", method="PUT")).close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", endpoint)
        patch.setenv("AWS_ALLOW_HTTP", "true")
        patch.setenv("AWS_REGION", "us-east-1")
        patch.setenv("AWS_ACCESS_KEY_ID", "reader")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "never-pickled")
        yield "s3://vitrine"
    server.stop()


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Empty storage of each kind."""
    if request.param == "folder":
        return open_blobs(str(tmp_path / "run"))
    return open_blobs(f"{request.getfixturevalue('bucket_url')}/{uuid4().hex}")
