"""Turns a route of operators into an aiohttp handler: as for marketplaces, but with the operators' authentication."""

from dataclasses import fields

from aiohttp import web

import marketplaces
from api.calls.endpoint import Endpoint
from api.ops.operators import OperatorCtx, Operators
from core.base import errors
from core.base.publisher import Publisher
from core.market.market import Marketplace, Route
from core.review_queue import kinds
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
        by = await self._operators.authenticate(request, ctx)
        if not by.roles & (self._route.who or frozenset()):
            raise errors.FORBIDDEN.error("This is not for your role")
        markets = marketplaces.configured(self._resources.settings.marketplaces)
        reviewer = kinds.operator(by.name, by.roles, [one.policy for one in markets])
        usual = {field.name: getattr(ctx, field.name) for field in fields(ctx)}
        return OperatorCtx(**usual, reviewer=reviewer, hubs=self._hubs, looks=self._operators.looks, operator=by.name)
