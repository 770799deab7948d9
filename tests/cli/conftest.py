"""What a command changes in this process is put back after each test."""

from collections.abc import Iterator

import pytest

from fibertwin.log import logger


@pytest.fixture(autouse=True)
def quiet_logger() -> Iterator[None]:
    before = (logger.handlers, logger.level, logger.propagate)
    yield
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
