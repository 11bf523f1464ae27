"""Drives a server with the official Python client of the Model Context Protocol.

    client.py MODE ROOT COMMAND ARGUMENT...

MODE is the client's: `legacy` or `2026-07-28`. ROOT is its only root. What happens is a JSON object in each line of
standard error. Each line of standard input is a call, or the answer to the question before it; `null` is
the end.
"""

import json
import os
import sys

import anyio
import mcp_types as types
from mcp import Client, StdioServerParameters

mode, root, command, *arguments = sys.argv[1:]
call = None


def say(event, value):
    print(json.dumps({event: value}), file=sys.stderr, flush=True)


async def hear():
    line = await anyio.to_thread.run_sync(sys.stdin.readline)
    return json.loads(line) if line else None


async def answer(_, params):
    say("question", params.model_dump(mode="json"))
    answered = await hear()
    if answered is None or answered == "cancel the call":
        call.cancel()
        await anyio.sleep_forever()
    return types.ElicitResult(**answered)


async def roots(_):
    return types.ListRootsResult(roots=[types.Root(uri=f"file://{root}")])


async def progress(_progress, _total, message):
    say("progress", message)


async def main():
    global call
    server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    async with Client(server, mode=mode, elicitation_callback=answer, list_roots_callback=roots) as client:
        say("tools", [tool.name for tool in (await client.list_tools()).tools])
        while (wanted := await hear()) is not None:
            with anyio.CancelScope() as call:
                result = await client.call_tool(wanted["tool"], wanted["arguments"], progress_callback=progress)
                say("result", result.model_dump(mode="json"))
            if call.cancelled_caught:
                say("cancelled", True)


anyio.run(main)
