"""What only a bucket can do wrong: answers lost on the way, and no obstore."""

import sys
from typing import Any
from uuid import uuid4

import obstore
import pytest
from obstore.exceptions import GenericError

from cluster import bucket as bucket_module
from cluster.blobs import open_blobs
from cluster.bucket import Bucket
from cluster.errors import ClusterError, Refused


@pytest.fixture
def bucket(bucket_url: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(bucket_module, "PAUSES", (0.0, 0.0))
    return Bucket(f"{bucket_url}/{uuid4().hex}")


class Flaky:
    """obstore.put whose first calls fail, before or after they did their work."""

    def __init__(self, failures: int, after: bool) -> None:
        self.failures = failures
        self.after = after
        self.real = obstore.put

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.failures -= 1
        if self.failures < 0 or self.after:
            answer = self.real(*args, **options)
        if self.failures >= 0:
            raise GenericError("connection reset")
        return answer


def test_a_lost_answer_counts_as_won(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstore, "put", Flaky(1, after=True))
    assert bucket.create("record", b"mine")


def test_a_lost_answer_after_another_writer_counts_as_lost(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.create("record", b"theirs")
    monkeypatch.setattr(obstore, "put", Flaky(1, after=False))
    assert not bucket.create("record", b"mine")
    assert bucket.read("record") == b"theirs"


def test_a_lost_request_is_sent_again(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstore, "put", Flaky(2, after=False))
    assert bucket.create("record", b"mine")
    assert bucket.read("record") == b"mine"


def test_requests_that_never_arrive_end_in_one_line(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obstore, "put", Flaky(99, after=False))
    with pytest.raises(ClusterError, match=r"record could not be created: .*connection reset"):
        bucket.create("record", b"mine")


def test_without_obstore_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(Refused, match=r"pip install 'vitrine\[s3\]'"):
        open_blobs("s3://vitrine/run")


def test_an_address_without_a_bucket_is_refused() -> None:
    with pytest.raises(Refused, match="expected s3://bucket/prefix"):
        open_blobs("s3:///run")
