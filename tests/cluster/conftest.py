"""Storage that the contracts run on: a folder, and a bucket of an S3 server that answers over HTTP."""

from pathlib import Path
from uuid import uuid4

import pytest

from cluster.blobs import Blobs, open_blobs


@pytest.fixture(params=["folder", "bucket"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Empty storage of each kind."""
    if request.param == "folder":
        return open_blobs(str(tmp_path / "run"))
    return open_blobs(f"{request.getfixturevalue('bucket_url')}/{uuid4().hex}")
