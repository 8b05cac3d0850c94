"""Verifications: people show who they are by a provider, or by papers that moderators look at."""

from core.market.endpoints.verification import requests
from core.market.market import PUBLIC, FilePart, Route, by_verified, get, post
from tests.bazaar import handlers
from tests.bazaar.policy import IDENTITY, PAPERS, ROLES

ALL, ONE = "/verifications", "/verifications/{verification_id}"
PAPERS_OF, CALLBACK, DEALS = ONE + "/papers", "/hooks/verifications/{kind}", "/verified/listings"

ROUTES: tuple[Route, ...] = (
    post(ALL, requests.start, ROLES),
    get(ALL, requests.list_mine, ROLES),
    get(ONE, requests.get_one, ROLES),
    post(PAPERS_OF, requests.add_documents, ROLES, uploads=(FilePart("papers[]", "fileUrls", PAPERS.name, many=True),)),
    post(CALLBACK, requests.take_callback, PUBLIC),
    by_verified(get(DEALS, handlers.list_listings, ROLES), IDENTITY),
)
