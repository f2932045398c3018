"""What runs beside the requests: upkeep every few hours, and an orderly end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from sordino.server.monitoring.logs import FIELDS
from sordino.server.rights.upkeep import run_upkeep
from sordino.server.store import Store

FIRST_SECONDS: Final = 60.0
"""Seconds from the start to the first upkeep, so that a restart is quick."""

EVERY_SECONDS: Final = 6 * 3600.0
LOG_SECONDS: Final = 60.0
"""Seconds between two attempts to empty the logs of writes, which may hold deleted rows."""

_LOG: Final = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The time in which an application serves."""
    store: Store = app.state.store
    tasks = [asyncio.create_task(_upkeep(store)), asyncio.create_task(_forget_logs(store))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        app.state.traces.close()
        store.close()


async def _upkeep(store: Store) -> None:
    """Run upkeep again and again; an error is logged, and the next run tries again."""
    await asyncio.sleep(FIRST_SECONDS)
    while True:
        try:
            result = await asyncio.to_thread(run_upkeep, store)
        except Exception as error:
            _LOG.error("upkeep failed: %s", type(error).__name__)
        else:
            fields = {"expired": sum(result.expired.values()), "statistics": result.statistics}
            _LOG.info("upkeep", extra={FIELDS: fields})
            if result.refusal:
                _LOG.error("upkeep refused: the clock may be wrong")
        await asyncio.sleep(EVERY_SECONDS)


async def _forget_logs(store: Store) -> None:
    """Empty the logs of writes again and again: a deletion does not wait for readers."""
    while True:
        await asyncio.sleep(LOG_SECONDS)
        try:
            empty = await asyncio.to_thread(store.forget_logs)
        except Exception as error:
            _LOG.error("log of writes not emptied: %s", type(error).__name__)
        else:
            if not empty:
                _LOG.warning("log of writes in use: the next attempt follows in a minute")
