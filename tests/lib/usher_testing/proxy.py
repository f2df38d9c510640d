"""What stands between a node and its database: a Unix socket (or a port of 127.0.0.1) that passes
everything on, until it is told otherwise. A program of its own, so that the tests' threads do not
slow it down.

    proxy.py LISTEN TARGET      commands on stdin, one a line; each is answered on stdout: "done"
        flow                    pass everything on at once
        delay SECONDS           pass everything on so much later, in both directions
        stall                   take everything, pass nothing on: a cable that was pulled
        deafen                  pass on what is asked, but not what is answered
        mute                    and the other way round
        cut                     end all connections, and those that come
        to TARGET               whom the next connections go to
        holds WORD              "yes" or "no": a node has asked that, and it was not passed on yet
"""

from __future__ import annotations

import asyncio
import os
import sys

CHUNK_BYTES = 1 << 16


class Proxy:
    def __init__(self, target: str):
        self.target = target
        self.delay_s = 0.0
        self.is_cut = False
        self.cuts = 0
        self.flows = asyncio.Event()  # from the node to its database
        self.answers = asyncio.Event()  # and back
        self.flows.set()
        self.answers.set()
        self.writers: set[asyncio.StreamWriter] = set()
        self.held: dict[asyncio.StreamWriter, bytes] = {}  # by whom it is meant for

    def command(self, words: list[str]) -> str:
        """What is answered."""
        match words:
            case ["flow"]:
                self.delay_s, self.is_cut = 0.0, False
                self.flows.set()
                self.answers.set()
            case ["delay", seconds]:
                self.delay_s, self.is_cut = float(seconds), False
                self.flows.set()
                self.answers.set()
            case ["stall"]:
                self.is_cut = False
                self.flows.clear()
                self.answers.clear()
            case ["deafen"]:
                self.is_cut = False
                self.flows.set()
                self.answers.clear()
            case ["mute"]:
                self.is_cut = False
                self.flows.clear()
                self.answers.set()
            case ["cut"]:
                self.is_cut = True
                self.cuts += 1
                for writer in self.writers:
                    writer.transport.abort()
            case ["to", target]:
                self.target = target
            case ["holds", word]:
                return "yes" if any(word.encode() in data for data in self.held.values()) else "no"
            case _:
                raise SystemExit(f"proxy: what is {words}?")
        return "done"

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        led_to = (self.target, self.cuts)
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()
            return
        both = (writer, far_writer)
        if led_to != (self.target, self.cuts):
            # It was cut, or led elsewhere, while this connection was being made.
            for one in both:
                one.transport.abort()
            return
        self.writers.update(both)
        try:
            await asyncio.gather(
                self.pump(reader, far_writer, self.flows),
                self.pump(far_reader, writer, self.answers),
            )
        except OSError:
            pass
        finally:
            for one in both:
                self.writers.discard(one)
                self.held.pop(one, None)
                one.transport.abort()

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flows: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            if flows is self.flows:
                self.held[writer] = data
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await flows.wait()
            self.held.pop(writer, None)
            writer.write(data)
            await writer.drain()
        await flows.wait()
        writer.close()


async def serve(listen: str, target: str) -> None:
    proxy = Proxy(target)
    if listen.isdigit():
        server = await asyncio.start_server(proxy.connected, "127.0.0.1", int(listen))
    else:
        server = await asyncio.start_unix_server(proxy.connected, listen)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    async with server:
        print("done", flush=True)
        while line := await commands.readline():
            print(proxy.command(line.decode().split()), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2]))
    os._exit(0)  # connections that are open keep nobody here
