"""The REST process's web application: middlewares, the tables of the marketplaces, documents and pages."""

from aiohttp import web

import marketplaces
from api import pages
from api.access_log import AccessLog, learn_parts
from api.admission import ADMISSION, Admission
from api.calls.charging import counts_later
from api.calls.endpoint import Endpoint
from api.documents import docs
from api.error_answers import FORMS, ErrorForms
from api.files import blobs
from api.files.blobs import Blobs
from api.middleware import add_headers, answer_errors, cors, observe, preflight, refuse_encoded
from api.ops.routes import OPS
from api.ops.routes import routes as operators_routes
from config.settings import Settings
from core.base.publisher import Publisher
from core.market.market import Marketplace, Route
from core.work.context import Resources
from realtime.operations import probes
from realtime.operations.admin_client import AdminClient

MAX_BODY = 256 * 1024


def build_app(
    settings: Settings, resources: Resources, publisher: Publisher, hubs: AdminClient | None = None
) -> web.Application:
    """Build the application from opened resources. Without `hubs` there is no console."""
    admission = Admission(resources)
    app = web.Application(
        middlewares=[
            cors(settings.cors_origins),
            admission.middleware(),
            observe(resources.metrics, AccessLog(resources.metrics, is_limited=settings.rate_limits == "on")),
            answer_errors,
            preflight(settings.cors_origins),
            refuse_encoded,
        ],
        client_max_size=MAX_BODY,
        handler_args={"auto_decompress": False},  # otherwise aiohttp decompresses some before refuse_encoded runs
    )
    app.on_response_prepare.append(add_headers)
    app.on_startup.append(learn_parts)
    app.cleanup_ctx.append(blobs.session)
    app[ADMISSION] = admission
    app.add_routes(pages.routes())
    if hubs:
        app.add_routes(pages.console_routes(settings))
        app.add_routes(docs.routes(OPS, "/ops"))
    markets = marketplaces.configured(settings.marketplaces)
    for market in markets:
        app.add_routes(docs.routes(market, f"/{market.name}"))
        app.add_routes(_routes(f"/{market.name}", market, resources, publisher))
    alone = markets[0] if len(markets) == 1 else None
    if alone:
        app.add_routes(docs.routes(alone, "/api"))
        app.add_routes(_routes("", alone, resources, publisher))
    app[FORMS] = ErrorForms({f"/{market.name}": market for market in markets} | {"/ops": OPS}, alone)
    later = [
        path
        for market in markets
        for route in market.routes
        for mount in ("", f"/{market.name}")
        if counts_later(route)
        for path in _paths(mount, market, route)
    ]
    admission.guard(app.router.resources(), later)
    if hubs:
        app.add_routes(operators_routes(resources, publisher, hubs))
    files = {"files": resources.storage.check}
    app.add_routes(probes.routes(probes.usual_checks(resources), resources.metrics, optional=files))
    return app


def _routes(mount: str, market: Marketplace, resources: Resources, publisher: Publisher) -> list[web.RouteDef]:
    calls = [
        web.route(route.method, path, endpoint)
        for route in market.routes
        for endpoint in (Endpoint(market, route, resources, publisher).__call__,)
        for path in _paths(mount, market, route)
        if path not in probes.PATHS  # the probes of the process have their own
    ]
    return [*calls, *Blobs(market, resources).routes(mount)]


def _paths(mount: str, market: Marketplace, route: Route) -> list[str]:
    """Return the paths of a call, for a marketplace mounted at `mount`."""
    return [mount + prefix + route.path for prefix in ([""] if route.is_at_root else market.prefixes)]
