"""The page on which somebody pays. It needs no script, and works at any width."""

from collections.abc import Mapping
from html import escape

from core.payments.money import formatted

GOOD_CARD, BAD_CARD = "4242424242424242", "4000000000000002"
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pay {amount}</title>
<style>
:root {{ color-scheme: light dark; --ink: #16181d; --dim: #5d6470; --paper: #fff; --ground: #eef0f4; --line: #d5d9e0;
  --go: #1f6feb; --bad: #b3261e }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #eceef2; --dim: #a3abb8; --paper: #1b1e25; --ground: #111318;
  --line: #363c48; --bad: #ff8f86 }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif }}
main {{ width: 100%; max-width: 26rem; background: var(--paper); border: 1px solid var(--line); border-radius: 1rem;
  padding: 1.5rem; box-shadow: 0 1rem 3rem rgb(0 0 0 / .08) }}
.mark {{ display: inline-block; border: 1px solid var(--line); border-radius: 99px; padding: 0 .75rem; color: var(--dim);
  font-size: .8125rem }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 1rem 0 0; font-variant-numeric: tabular-nums }}
.title {{ margin: .25rem 0 1.5rem; color: var(--dim); overflow-wrap: anywhere }}
label {{ display: block; font-weight: 600 }}
input {{ width: 100%; margin-top: .375rem; padding: .75rem; font: inherit; letter-spacing: .04em; color: inherit;
  background: transparent; border: 1px solid var(--line); border-radius: .5rem; font-variant-numeric: tabular-nums }}
button {{ width: 100%; min-height: 3rem; margin-top: .75rem; font: inherit; font-weight: 600; border-radius: .5rem;
  border: 1px solid var(--line); background: transparent; color: inherit; cursor: pointer }}
.go {{ background: var(--go); border-color: var(--go); color: #fff; margin-top: 1rem }}
:focus-visible {{ outline: 3px solid var(--go); outline-offset: 2px }}
.bad {{ border-left: 4px solid var(--bad); color: var(--bad); padding-left: .75rem; margin: 0 0 1rem }}
dl {{ display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 1.5rem 0 0; padding-top: 1rem;
  border-top: 1px solid var(--line); color: var(--dim); font-size: .875rem }}
dd {{ margin: 0; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
.done {{ font-weight: 600 }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }}
</style>
<main>
<span class="mark">Sandbox: no money moves</span>
<h1>{amount}</h1>
<p class="title">{title}</p>
{problem}
{form}
<dl><dt>Pays</dt><dd>{good}</dd><dt>Is declined</dt><dd>{bad}</dd></dl>
</main>
</html>
"""
_FORM = """<form method="post">
<label for="card">Card number</label>
<input id="card" name="card" inputmode="numeric" autocomplete="off" value="{good}" maxlength="23">
<button class="go" name="press" value="pay">Pay {amount}</button>
<div class="pair"><button name="press" value="decline">Decline</button><button name="press" value="close">Close</button></div>
</form>"""
_DONE = """<p class="done">It is {state}.</p>
<form method="post"><button class="go" name="press" value="close">Back to the shop</button></form>"""


def checkout(form: Mapping[str, str], state: str, problem: str = "") -> str:
    """Return the page for what was created by a form."""
    amount = escape(f"{formatted(int(form['amount']), form['currency'])} {form['currency']}")
    every = f", every {form['days']} days" if "days" in form else ""
    alert = f'<p class="bad" role="alert">{escape(problem)}</p>' if problem else ""
    waits = state in ("pending", "incomplete")
    below = _FORM.format(good=_spaced(GOOD_CARD), amount=amount) if waits else _DONE.format(state=state)
    shown = {"amount": amount, "title": escape(form["title"] + every), "problem": alert, "form": below}
    return _PAGE.format(good=_spaced(GOOD_CARD), bad=_spaced(BAD_CARD), **shown)


def _spaced(card: str) -> str:
    return " ".join(card[at : at + 4] for at in range(0, len(card), 4))
