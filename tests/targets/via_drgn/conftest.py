"""Every sample dump, opened for one test."""

from __future__ import annotations

import pytest

from btfdump._targets.via_drgn import open_core
from tests.conftest import SAMPLES


@pytest.fixture(params=[n for n in SAMPLES if n != "stock-7.3"])
def name(request):
    return request.param


@pytest.fixture
def target(name, sample):
    with open_core(sample(name)) as target:
        yield target
