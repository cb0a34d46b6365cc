"""Plays a table of cases, some at a time, and says how each ended."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable

AT_ONCE = 16


async def all_of(cases: dict[str, Callable[[], Awaitable[str]]]) -> list[dict]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, case: Callable[[], Awaitable[str]]) -> dict:
        async with gate:
            try:
                found = await case()
            except Exception as wrong:
                traceback.print_exc()
                found = f"{type(wrong).__name__}: {wrong}"
        return {"name": name, "found": found}

    return await asyncio.gather(*(one(name, case) for name, case in cases.items()))
