"""The API, for the tests that compare it with what is written about it."""

from tests.flow.api.conftest import api as api
from tests.flow.api.conftest import generous as generous
from tests.flow.conftest import env as env
