"""The fixture `figure`: what a test measured is printed, so that ``pytest tests/physics -rP`` lists it."""

import pytest


@pytest.fixture
def figure(record_property):
    """Report a measured number or array under a name."""

    def report(name, value):
        text = " ".join(f"{x:.4g}" for x in (value if hasattr(value, "__len__") else [value]))
        record_property(name, text)
        print(f"{name}: {text}")

    return report
