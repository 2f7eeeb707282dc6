"""Contract suites are imported, not collected: pytest must be told to explain their asserts."""

import pytest

pytest.register_assert_rewrite("tests.adapters.contracts")
