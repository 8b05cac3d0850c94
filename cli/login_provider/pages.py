"""The pages of the local provider: one on which somebody says who she is, and one that posts what she comes back with."""

from collections.abc import Mapping
from html import escape

from cli.login_provider.people import PEOPLE

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ font: 1rem sans-serif; max-width: 24rem; margin: 3rem auto }} button, input {{ font: inherit; margin: .25rem 0;
padding: .5rem; width: 100%; box-sizing: border-box }}</style>
<h1>{title}</h1>
{body}
</html>
"""


def choose(provider: str, query: Mapping[str, str]) -> str:
    """Return the page on which somebody says who she is."""
    title = f"Log in by {provider.title()} (a local one)"
    people = "\n".join(
        f'<button name="person" value="{one.id}">{escape(one.name)}, {escape(one.email)}</button>'
        for one in PEOPLE.values()
    )
    body = f"""<form method="post">{_hidden(query)}
{people}
<button name="person" value="">Nobody: cancel</button>
</form>
<form method="post">{_hidden(query)}
<input name="name" placeholder="Name" aria-label="Name" required>
<input name="email" type="email" placeholder="Email" aria-label="Email" required>
<button name="person" value="other">Log in as somebody else</button>
</form>"""
    return _PAGE.format(title=escape(title), body=body)


def post_back(redirect_uri: str, fields: Mapping[str, str]) -> str:
    """Return the page that posts a form to a site, as Apple does (response_mode=form_post)."""
    body = f"""<form method="post" action="{escape(redirect_uri)}">{_hidden(fields)}<button>Go on</button></form>
<script>document.forms[0].submit()</script>"""
    return _PAGE.format(title="One moment", body=body)


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
