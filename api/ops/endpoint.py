"""Turns a route of operators into an aiohttp handler: as for marketplaces, but with the operators' authentication."""

from dataclasses import fields

from aiohttp import web

from api.calls.endpoint import Endpoint
from api.ops.operators import OperatorCtx, Operators
from core.base.publisher import Publisher
from core.market.market import Marketplace, Route
from core.work.context import Ctx, Resources
from realtime.operations.admin_client import AdminClient


class OperatorEndpoint(Endpoint):
    """One call of operators."""

    def __init__(
        self,
        table: Marketplace,
        route: Route,
        resources: Resources,
        publisher: Publisher,
        hubs: AdminClient,
        operators: Operators,
    ) -> None:
        super().__init__(table, route, resources, publisher)
        self._hubs = hubs
        self._operators = operators

    async def _identified(self, request: web.Request, ctx: Ctx) -> Ctx:
        name = await self._operators.authenticate(request, ctx)
        usual = {field.name: getattr(ctx, field.name) for field in fields(ctx)}
        return OperatorCtx(**usual, hubs=self._hubs, looks=self._operators.looks, operator=name)
