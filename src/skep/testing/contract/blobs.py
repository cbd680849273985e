"""Blobs: content by its hash."""

import pytest

from skep.records.errors import ArtifactNotFound, LimitExceeded
from skep.records.limits import BLOB_BYTES_MAX
from skep.records.values import Digest, blob_digest
from skep.testing.harness import InspectableStore


class BlobsContract:
    """Invariants 29 and 31: content is stored once, bounded, and never changed."""

    async def test_content_comes_back_by_its_hash(self, store: InspectableStore) -> None:
        """Whatever bytes were kept are read back, the empty content too."""
        contents = [b"", b"one", bytes(range(256)) * 300]

        digests = await store.blobs.put(contents)

        assert list(digests) == [blob_digest(content) for content in contents]
        assert [await store.blobs.get(digest) for digest in digests] == contents

    async def test_content_may_be_kept_again(self, store: InspectableStore) -> None:
        """Keeping the same content twice, in one call or two, is keeping it once."""
        first = await store.blobs.put([b"one", b"one"])

        assert list(await store.blobs.put([b"one"])) == [first[0]] == [first[1]]

    async def test_what_was_not_kept_is_told(self, store: InspectableStore) -> None:
        """A hash nobody kept raises."""
        with pytest.raises(ArtifactNotFound):
            await store.blobs.get(Digest("0" * 64))

    async def test_a_blob_keeps_within_its_limit(self, store: InspectableStore) -> None:
        """Content over BLOB_BYTES_MAX is refused by name, its neighbours with it."""
        with pytest.raises(LimitExceeded, match="BLOB_BYTES_MAX"):
            await store.blobs.put([b"small", bytes(BLOB_BYTES_MAX + 1)])

        with pytest.raises(ArtifactNotFound):
            await store.blobs.get(blob_digest(b"small"))
