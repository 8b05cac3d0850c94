"""python-socketio with its Redis manager on aiohttp and uvloop, serving the two events of the load client.

`python -m bench.peers.python_socketio PORT REDIS_URL`
"""

import sys

import socketio
import uvloop
from aiohttp import web


def serve(port: int, redis_url: str) -> None:
    """Serve until a signal."""
    manager = socketio.AsyncRedisManager(redis_url)
    server = socketio.AsyncServer(async_mode="aiohttp", client_manager=manager, cors_allowed_origins="*")

    async def join(sid: str, data: dict[str, str]) -> dict[str, str]:
        await server.enter_room(sid, data["conversationId"])
        return {}

    async def send(_sid: str, data: dict[str, str]) -> dict[str, str]:
        await server.emit("message:received", data, room=data["conversationId"])
        return {}

    server.on("join:conversation", join)
    server.on("message:send", send)
    app = web.Application()
    server.attach(app)
    web.run_app(
        app, host="127.0.0.1", port=port, backlog=4096, access_log=None, print=None, loop=uvloop.new_event_loop()
    )


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
