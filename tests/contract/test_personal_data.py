"""The registry of personal data knows each table that names users, of core and of every marketplace."""

import pytest

from tests.contract.worlds import WORLDS, Served, World

NAMES_A_USER = """
select distinct a.attrelid::regclass::text
from pg_attribute a join pg_class c on c.oid = a.attrelid and c.relkind = 'r' join pg_namespace n on n.oid = c.relnamespace
left join pg_constraint f on f.conrelid = c.oid and a.attnum = any (f.conkey) and f.confrelid = 'users'::regclass
where n.nspname in ('public', $1) and a.attnum > 0 and not a.attisdropped
    and (f.oid is not null or a.attname ~ '(user|owner|author|sender|actor|creator|assignee|subject)_id$'
        or a.attname ~ '_by(_id)?$')"""


async def test_every_table_that_names_users_is_in_the_registry_once(served: Served) -> None:
    market = served.world.market
    found = {name for (name,) in await served.env.resources.db.fetch(NAMES_A_USER, market.name)}
    registered = [table for one in market.policy.personal_data for table in one.tables]
    assert any(name.startswith(f"{market.name}.") for name in found)
    assert len(registered) == len(set(registered))
    assert found - set(registered) == set()


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_what_is_known_of_users_is_erased_or_kept_for_a_reason(world: World) -> None:
    registry = world.market.policy.personal_data
    assert registry
    assert all(one.erase or one.last or one.later or one.kept for one in registry)
