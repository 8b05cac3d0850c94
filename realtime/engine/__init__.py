"""Engine.IO 4 and Socket.IO 5 on one port. Knows nothing of the application on top.

A connection meets the modules in this order: `door` (WebSocket or HTTP?), `http/handshake` and `acceptor` (may it connect, to
which session?), `transports/websocket` or `transports/polling` (bytes to packets), `session` (one Engine.IO session),
`socketio/sockets` (Socket.IO on top). `outbox` collects what is written back; `engine` is what all sessions share.
"""
