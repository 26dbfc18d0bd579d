"""Tests, and what they share."""

import pytest

pytest.register_assert_rewrite("tests.any_file")
