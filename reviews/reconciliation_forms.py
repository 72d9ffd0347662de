"""What may be typed when reconciliation is settled."""

from ecportal.forms import PlainAct, words


class DismissForm(PlainAct):
    reason = words("Why was no emergency change made?", rows=2)
