"""nginx with the shipped configuration, filled in like its official image does, as a local process."""

import re
from collections.abc import Sequence
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "deploy" / "nginx"
HERE = """http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;"""


def command(folder: Path, port: int, hubs: Sequence[int], apis: Sequence[int], name: str = "127.0.0.1") -> list[str]:
    """Write a configuration for hubs and APIs on these ports of `name`, and return the command that serves it.

    The log of requests is access.log in the folder, that of errors error.log.
    """
    configure(folder, port, hubs, apis, name)
    return ["nginx", "-c", str(folder / "nginx.conf"), "-g", f"daemon off; pid {folder}/nginx.pid;"]


def configure(folder: Path, port: int, hubs: Sequence[int], apis: Sequence[int], name: str = "127.0.0.1") -> None:
    """Write the configuration; a running nginx rereads it on SIGHUP."""
    hub, api = ("; server ".join(f"{name}:{one} max_fails=0" for one in ports) for ports in (hubs, apis))
    site = filled((SHIPPED / "greenroom.conf.template").read_text(), HUBS=hub, APIS=api, PORT=f"127.0.0.1:{port}")
    (folder / "greenroom.conf").write_text(site.replace("/dev/stdout", f"{folder}/access.log"))
    main = (SHIPPED / "nginx.conf").read_text().replace("http {", HERE.format(folder=folder))
    main = main.replace("/dev/stderr", f"{folder}/error.log").replace("/etc/nginx/conf.d/*", f"{folder}/greenroom")
    (folder / "nginx.conf").write_text(main)


def filled(template: str, **values: str) -> str:
    """Replace the `${NAME}`s that have a value, and no others."""
    return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], match[0]), template)
