"""Serves a marketplace's OpenAPI document and Swagger UI, from node_modules so that it works offline."""

from functools import cache
from pathlib import Path

import msgspec
from aiohttp import web

from api.documents import asyncapi
from api.documents.openapi import document
from core.market.market import Marketplace

SWAGGER = Path(__file__).parents[2] / "web/node_modules/swagger-ui-dist"
SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
# Swagger UI writes style attributes and inlines its icons.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
CACHE = {"Cache-Control": "no-cache"}  # the same for all clients until the next release
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} API</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
<div id="docs">The files of Swagger UI are missing: run <code>make install</code>.</div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
START = """SwaggerUIBundle({
  dom_id: "#docs",
  url: "openapi.json",
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null,
});
"""


def routes(market: Marketplace, prefix: str) -> list[web.RouteDef]:
    """Return `openapi.json`, `asyncapi.json` and `docs` of a marketplace, under a prefix; made when asked for."""
    page = PAGE.format(title=market.title)

    @cache
    def openapi() -> bytes:
        return msgspec.json.encode(document(market, prefix.removesuffix("/api")))

    @cache
    def events() -> bytes:
        return msgspec.json.encode(asyncapi.document(market))

    async def get_openapi(_request: web.Request) -> web.Response:
        return web.Response(body=openapi(), content_type="application/json", headers=CACHE)

    async def get_asyncapi(_request: web.Request) -> web.Response:
        return web.Response(body=events(), content_type="application/json", headers=CACHE)

    async def get_page(_request: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers=CACHE | {"Content-Security-Policy": POLICY})

    return [
        web.get(f"{prefix}/openapi.json", get_openapi),
        web.get(f"{prefix}/asyncapi.json", get_asyncapi),
        web.get(f"{prefix}/docs", get_page),
        web.get(f"{prefix}/docs/start.js", _get_start),
        web.get(f"{prefix}/docs/{{name}}", _get_swagger_file),
    ]


async def _get_start(_request: web.Request) -> web.Response:
    return web.Response(text=START, content_type="text/javascript", headers=CACHE)


async def _get_swagger_file(request: web.Request) -> web.FileResponse:
    path = SWAGGER / request.match_info["name"]
    if path.name not in SWAGGER_FILES or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers=CACHE)
