"""What may be done with a message: a dead letter is sent again."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from ecportal.celery import wake
from ecportal.lifecycle import Act, Lifecycle, Transition
from ecportal.outbox.models import Message
from ecportal.outbox.tasks import deliver_messages


def address_can_be_one(message: Message, act: Act) -> str | None:
    """The address of a mail is one that mail can be sent to."""
    if message.channel != Message.Channel.EMAIL:
        return None
    try:
        validate_email(message.address)
    except ValidationError:
        return (
            f"“{message.address}” is no e-mail address. Correct it where it comes from: the "
            "person's account, or the rung of the ladder that names it."
        )
    return None


def start_over(message: Message, act: Act) -> None:
    message.given_up_at = message.failing_since = message.next_attempt_at = None
    message.failures = 0


def send_soon(message: Message, act: Act) -> None:
    wake(deliver_messages, message.channel)


MESSAGES = Lifecycle(
    Message,
    Transition("retry", {Message.Status.GIVEN_UP}, None, [address_can_be_one], start_over,
               "Send it again", after=send_soon),
)  # fmt: skip
