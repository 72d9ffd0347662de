"""Numbers without gaps."""

from django.db import models


class NumberSequence(models.Model):
    """The last number given out in a series, such as EC-2026; locked while one is taken."""

    series = models.CharField(max_length=20, primary_key=True)
    last = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.series}-{self.last:04d}"
