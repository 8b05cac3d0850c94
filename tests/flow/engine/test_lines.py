"""Tools that send whole lines, with their ends: websocat, files that are sent as a body."""

import aiohttp
import pytest

from realtime.engine.config import Config
from tests.flow.engine.apps import Story, Teller, greeters, tellers
from tests.flow.engine.serving import serving, text, websocket

END = pytest.mark.parametrize("end", ["\n", "\r\n", " \t\r\n"], ids=["unix", "windows", "blanks"])


@END
async def test_lines_are_packets_on_a_websocket(end: str) -> None:
    story = Story()
    async with serving(Config(), tellers(story, "/", "/a")) as served, websocket(served) as raw:
        await raw.packet()
        for packet, namespace in (('{"token":"x"}', "/"), ("/a,", "/a")):
            raw.send(text(f"40{packet}{end}"))
            _, socket, _ = await story.next()
            assert isinstance(socket, Teller)
            assert socket.namespace == namespace
            socket.accept()
            await raw.packet()
        raw.send(text(f'427["say",{{"a":1}}]{end}'))
        assert await story.next() == ("event", "say", b'["say",{"a":1}]', [], 7)
        raw.send(text(f"41/a,{end}"))
        assert await story.next() == ("disconnect", "/a", "client namespace disconnect")
        raw.send(text(f"1{end}"))
        assert await story.next() == ("disconnect", "/", "transport close")


@END
async def test_lines_are_packets_in_a_polling_session_and_when_it_gets_a_websocket(end: str) -> None:
    async with serving(Config(), greeters) as served, aiohttp.ClientSession() as http:
        url = f"{served.url}/socket.io/?EIO=4&transport=polling"
        sid = (await (await http.get(url)).text()).split('"')[3]
        url = f"{url}&sid={sid}"
        body = f'40{{"token":"right"}}{end}\x1e451-0["send",{{"_placeholder":true,"num":0}}]{end}\x1ebAQI={end}'
        assert (await http.post(url, data=body)).status == 200
        answer = await (await http.get(url)).text()
        assert answer.endswith('\x1e461-0[38,{"_placeholder":true,"num":0}]\x1ebAQI=')
        async with websocket(served, f"/socket.io/?EIO=4&transport=websocket&sid={sid}") as raw:
            raw.send(text(f"2probe{end}"))
            assert await raw.packet() == "3probe"
            raw.send(text(f"5{end}") + text(f'428["send"]{end}'))
            assert await raw.packet() == "438[8]"
