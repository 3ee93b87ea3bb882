"""The device of these tests.

Without a GPU they are skipped. HELIOX_TEST_DEVICE names another device: ``cuda:1``, or one that is none
(``cpu``), to try the tests themselves.
"""

import os
from typing import Any

import pytest

DEVICE = os.environ.get("HELIOX_TEST_DEVICE", "cuda")


@pytest.fixture(scope="session")
def device() -> str:
    """The device that is compared with the CPU."""
    if DEVICE.startswith("cuda"):
        try:
            from heliox.kernels.device import available
        except ImportError as e:
            pytest.skip(f"this HelioX has no engine for the GPU: {e}")
        if reason := available():
            pytest.skip(reason)
    return DEVICE


@pytest.fixture(params=["streams"])
def gpu(request: pytest.FixtureRequest, device: str) -> dict[str, Any]:
    """Options of a simulation on the device."""
    return {"device": device, "mode": request.param} if device.startswith("cuda") else {"device": device}
