"""Engine.IO 4 and Socket.IO 5 over one port. Knows nothing of what is said on it.

A connection meets the modules in this order: `door` (whose is it?), `handshake` (may it?), `websocket` or `polling`
(bytes to packets), `session` (one Engine.IO session), `sockets` (Socket.IO on top); `outbox` takes what goes back.
"""
