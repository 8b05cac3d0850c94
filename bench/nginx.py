"""nginx with the configuration that is shipped, filled in as its official image does it, as a process of this machine."""

import re
from collections.abc import Sequence
from pathlib import Path

TEMPLATE = Path(__file__).parents[1] / "deploy" / "nginx" / "greenroom.conf.template"
MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/greenroom.conf;
}}
"""


def command(folder: Path, port: int, hubs: Sequence[int], apis: Sequence[int]) -> list[str]:
    """Write a configuration for hubs and APIs on these ports, and return the command that serves it.

    The log of requests is access.log in the folder.
    """
    configure(folder, port, hubs, apis)
    return ["nginx", "-c", str(folder / "nginx.conf")]


def configure(folder: Path, port: int, hubs: Sequence[int], apis: Sequence[int]) -> None:
    """Write the configuration; an nginx that runs reads it again at SIGHUP."""
    hub, api = ("; server ".join(f"127.0.0.1:{one} fail_timeout=1s" for one in ports) for ports in (hubs, apis))
    config = filled(TEMPLATE.read_text(), HUBS=hub, APIS=api, PORT=f"127.0.0.1:{port}")
    (folder / "greenroom.conf").write_text(config.replace("/dev/stdout", f"{folder}/access.log"))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))


def filled(template: str, **values: str) -> str:
    """Fill in `${NAME}`s, those that have a value and no others."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)
