"""Who may be chosen at the local provider, and what it says of them."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account at each provider. `hd`: the company whose mailboxes Google runs."""

    id: str
    name: str
    email: str
    email_verified: bool = True
    hd: str = ""

    def subject(self, provider: str) -> str:
        """Return what a provider knows her as."""
        return f"{provider}-{self.id}"


PEOPLE = {
    one.id: one
    for one in (
        Person("ada", "Ada Example", "ada.example@gmail.com"),
        Person("ben", "Ben Example", "ben@company.example", hd="company.example"),
        Person("cleo", "Cleo Example", "cleo@elsewhere.example"),
        Person("dan", "Dan Example", "dan@elsewhere.example", email_verified=False),
    )
}


def somebody(name: str, email: str) -> Person:
    """Return a person who is typed in: the same address is the same person."""
    return Person(sha256(email.encode()).hexdigest()[:12], name, email)
