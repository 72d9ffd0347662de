"""A connection to the mail server that remembers what the server said last."""

import smtplib
from functools import cached_property
from typing import Any

from django.core.mail.backends import smtp


class _Remembering:
    """Keeps the answer to DATA, which smtplib throws away, and whether DATA was begun."""

    data_begun = False
    taken: tuple[int, bytes] | None = None

    def data(self, content: Any) -> tuple[int, bytes]:
        self.data_begun, self.taken = True, None
        self.taken = super().data(content)  # type: ignore[misc]
        assert self.taken is not None
        return self.taken


class _Plain(_Remembering, smtplib.SMTP):
    pass


class _Secure(_Remembering, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """Django's own, on connections that remember."""

    @cached_property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _Secure if self.use_ssl else _Plain
