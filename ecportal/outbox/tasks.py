"""When messages are sent: each minute, and soon after they were written; each channel apart."""

from celery import shared_task

from ecportal.outbox.models import Message
from ecportal.outbox.relay import deliver


@shared_task
def deliver_messages(channel: str = Message.Channel.EMAIL) -> None:
    """Send what waits for one channel: a system that hangs holds up no other and no mail."""
    deliver(channel)
