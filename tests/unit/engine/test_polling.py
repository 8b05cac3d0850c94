"""Polling payloads: packets of one frame each, as text."""

from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from realtime.engine.transports.frames import binary_frame, text_frame
from realtime.engine.transports.polling import SEPARATOR, encode_payload

messages = st.lists(
    st.text(st.characters(exclude_characters=SEPARATOR, exclude_categories=["Cs"])) | st.binary(), max_size=6
)


@given(messages)
def test_frames_become_packets_in_order(said: list[str | bytes]) -> None:
    frames = b"".join(
        binary_frame(message) if isinstance(message, bytes) else text_frame(f"4{message}".encode()) for message in said
    )
    packets = encode_payload(frames)
    assert [b64decode(packet[1:]) if packet[0] == "b" else packet[1:] for packet in packets] == said
