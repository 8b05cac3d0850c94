"""Passwords; other tests hash them with less work."""

from argon2 import Type, extract_parameters

from core.passwords import hash_password, verify_password


async def test_a_stored_password_costs_whoever_guesses_at_least_what_owasp_asks() -> None:
    """The figures are of its Password Storage Cheat Sheet: argon2id, 19 MiB and two rounds."""
    cost = extract_parameters(await hash_password("Correct-horse-7"))
    assert cost.type is Type.ID
    assert cost.memory_cost >= 19 * 1024
    assert cost.time_cost >= 2


async def test_a_password_fits_its_own_hash_only() -> None:
    stored = await hash_password("Correct-horse-7")
    assert await verify_password(stored, "Correct-horse-7")
    assert not await verify_password(stored, "correct-horse-7")
    assert not await verify_password(None, "Correct-horse-7")
    assert not await verify_password("", "")
