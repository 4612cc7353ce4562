"""Who reads what: spans of all workers tile the epoch; nothing is left out but what they cannot share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgehybrid.data.sharding import Shard, check_shard, left_out, span, steps_of
from edgehybrid.errors import UsageError


@given(images=st.integers(1, 300), share=st.integers(1, 20), workers=st.integers(1, 8))
def test_the_workers_tile_each_step_with_equal_parts(images: int, share: int, workers: int) -> None:
    batch_size = share * workers
    read: list[int] = []
    for step in range(steps_of(images, batch_size, workers)):
        spans = [span(step, images, batch_size, Shard(worker, workers)) for worker in range(workers)]
        assert len({end - begin for begin, end in spans}) == 1
        assert spans[0][1] > spans[0][0]
        read += [place for begin, end in spans for place in range(begin, end)]
    # In order, each once, but for the images left out at the end.
    assert read == list(range(images - left_out(images, workers)))
    assert left_out(images, workers) < workers


def test_one_worker_leaves_nothing_out() -> None:
    # 23 = 4·5 + 3
    assert left_out(23, 1) == 0
    assert steps_of(23, 5) == 5
    assert span(4, 23, 5, Shard()) == (20, 23)


def test_a_last_batch_smaller_than_the_workers_is_left_out() -> None:
    # 17 images in batches of 8 on 4 workers: 2 batches, and 1 image that 4 cannot share.
    assert (steps_of(17, 8, 4), left_out(17, 4)) == (2, 1)


def test_refuses_a_batch_that_is_no_multiple_of_the_workers() -> None:
    with pytest.raises(UsageError, match="cannot share a batch equally") as caught:
        check_shard(10, Shard(0, 4))
    assert caught.value.received == "training.batch_size: 10, 4 workers"
    assert caught.value.next_step == "--set training.batch_size=12"


@pytest.mark.parametrize("worker", [-1, 2])
def test_refuses_a_worker_that_does_not_exist(worker: int) -> None:
    with pytest.raises(UsageError, match="no such worker") as caught:
        check_shard(10, Shard(worker, 2))
    assert caught.value.allowed == "0 … 1"
