"""Who is connected to a hub: found by user and by login, in as many steps as there are sockets of that user or login."""

from collections.abc import Iterator
from typing import Any, cast
from unittest.mock import Mock
from uuid import UUID

import pytest

from core.base.ids import uuid7
from core.base.people import Person
from core.work.context import User
from realtime.rooms.client import Client
from realtime.rooms.users import Users


class Looks(dict[Client, None]):
    """A set of sockets that counts how many were looked at."""

    taken = 0

    def __iter__(self) -> Iterator[Client]:
        for client in super().__iter__():
            Looks.taken += 1
            yield client


def person(user_id: UUID | None = None) -> User:
    id = user_id or uuid7()
    return User(id, "onswift", "creator", "a@example.com", uuid7(), Person(id, "Ann"))


def client_of(user: User) -> Client:
    client = Client(Mock(), Mock(), Mock())
    client.user, client.user_key = user, user.id.bytes
    return client


@pytest.fixture
def gone() -> list[bytes]:
    return []


@pytest.fixture
def users(gone: list[bytes]) -> Users:
    return Users(Mock(), Mock(), came=Mock(), left=gone.append)


def is_empty(users: Users) -> bool:
    return not len(users) and not users._logins and list(users.clients()) == []


def test_the_sockets_of_a_login_are_found_and_forgotten_one_by_one(users: Users, gone: list[bytes]) -> None:
    ann = person()
    other_login = person(ann.id)
    first, second, other = client_of(ann), client_of(ann), client_of(other_login)
    for client in (first, second, other):
        users.add(client)
    assert users.of_session(ann.session_id.bytes) == [first, second]
    assert users.of_session(other_login.session_id.bytes) == [other]
    users.remove(first)
    users.remove(first)
    assert users.of_session(ann.session_id.bytes) == [second]
    assert users.of(ann.id.bytes) == [second, other]
    users.remove(second)
    assert (users.of_session(ann.session_id.bytes), gone) == ([], [])
    users.remove(other)
    assert gone == [ann.id.bytes]
    assert is_empty(users)


def test_a_socket_that_goes_on_with_another_login_is_found_by_that_one_only(users: Users) -> None:
    ann = person()
    other_login = person(ann.id)
    moved, stays = client_of(ann), client_of(ann)
    users.add(moved)
    users.add(stays)
    users.go_on(moved, other_login)
    assert moved.user is other_login
    assert users.of_session(ann.session_id.bytes) == [stays]
    assert users.of_session(other_login.session_id.bytes) == [moved]
    users.go_on(moved, other_login)  # the same login again, with a newer token
    assert users.of_session(other_login.session_id.bytes) == [moved]
    users.remove(moved)
    users.remove(stays)
    assert is_empty(users)


def test_a_storm_of_logouts_looks_at_each_socket_that_it_closes_and_at_no_other(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [person() for _ in range(2000)]
    clients = [client_of(user) for user in people]
    for client in clients:
        users.add(client)
    index = cast("dict[bytes, Any]", users._logins)
    for login, sockets in index.items():
        index[login] = Looks(sockets)
    everything = Mock(side_effect=AssertionError("a logout walks over all sockets"))
    monkeypatch.setattr(users, "clients", everything)
    Looks.taken = 0
    for user in people:
        for client in users.of_session(user.session_id.bytes):
            users.remove(client)
    assert Looks.taken == len(people)
    assert not len(users)
    assert not users._logins


def test_the_many_sockets_of_one_login_are_forgotten_in_one_step_each(users: Users) -> None:
    ann = person()
    compared = 0

    class Counted(Client):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return self is other

        __hash__ = Client.__hash__

    for _ in range(300):
        counted = Counted(Mock(), Mock(), Mock())
        counted.user, counted.user_key = ann, ann.id.bytes
        users.add(counted)
    for client in users.of_session(ann.session_id.bytes):
        users.remove(client)
    assert compared < 300
    assert is_empty(users)
