"""The trail as a Django app: what it listens to."""

from django.apps import AppConfig
from django.db.models import signals


class AuditConfig(AppConfig):
    name = "ecportal.audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from django.contrib.auth import get_user_model
        from django.contrib.auth import signals as people
        from simple_history.signals import post_create_historical_record

        from ecportal.audit import (
            adoption,
            checks,  # noqa: F401 - registers them
            drift,
            grants,
            membership,
            protection,
            schema,
            sign_in,
        )

        for step in (protection.install, grants.renew, adoption.adopt, schema.note):
            signals.post_migrate.connect(step, sender=self, dispatch_uid=step.__module__)
        # These only watch: nothing of the process hangs on them.
        signals.pre_save.connect(drift.guard, dispatch_uid="drift")  # noqa: TID251
        signals.pre_delete.connect(drift.guard, dispatch_uid="drift")
        post_create_historical_record.connect(drift.look_again, dispatch_uid="drift")
        people.user_logged_in.connect(sign_in.signed_in)
        people.user_logged_out.connect(sign_in.signed_out)
        people.user_login_failed.connect(sign_in.failed)
        for relation in membership.relations(get_user_model()):
            signals.m2m_changed.connect(membership.changed, sender=relation)
