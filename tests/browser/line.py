"""The line between a browser and the server, which tests cut."""

from time import monotonic

from playwright.sync_api import Page, Route, WebSocketRoute

SOCKETS = "**/socket.io/**"
PATIENCE = 15
UPGRADED = "5"  # Engine.IO's packet with which a client moves from polling to the WebSocket


class Line:
    """All Socket.IO traffic of a page, which is loaded anew for it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.upgrades = 0
        self.cuts = 0
        self._is_cut = False
        self._fatal = ""
        self._sockets: list[WebSocketRoute] = []
        page.route(SOCKETS, self._requested)
        page.route_web_socket(SOCKETS, self._connected)
        page.reload()  # a WebSocket can only be seen by a page that was loaded after it was asked for

    def await_upgrades(self, count: int) -> None:
        """Wait until this many connections have left polling."""
        until = monotonic() + PATIENCE
        while self.upgrades < count:
            assert monotonic() < until, "the connections stay with polling"
            self._page.wait_for_timeout(20)  # lets Playwright handle what comes in

    def cut(self) -> None:
        """Drop all connections and let none come up again."""
        self._is_cut = True
        for socket in self._sockets:
            socket.close()
        self._sockets.clear()

    def mend(self) -> None:
        """Let connections come up again."""
        self._is_cut = False

    def tell(self, frame: str) -> None:
        """Send the page a frame as if it came from the server."""
        for socket in self._sockets:
            socket.send(frame)

    def cut_once_after(self, text: str) -> None:
        """Drop the connection that sends a frame with this text, when the server has got it and before it answers."""
        self._fatal = text

    def _requested(self, route: Route) -> None:
        if self._is_cut:
            route.abort()
        else:
            route.continue_()

    def _connected(self, socket: WebSocketRoute) -> None:
        if self._is_cut:
            socket.close()
            return
        self._sockets.append(socket)
        server = socket.connect_to_server()
        socket.on_message(lambda frame: self._sent(socket, server, frame))

    def _sent(self, socket: WebSocketRoute, server: WebSocketRoute, frame: str | bytes) -> None:
        server.send(frame)
        self.upgrades += frame == UPGRADED
        if self._fatal and self._fatal in str(frame):
            self._fatal = ""
            self.cuts += 1
            socket.close()
