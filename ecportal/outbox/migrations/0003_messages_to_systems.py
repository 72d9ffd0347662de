import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0002_the_ledger_of_deliveries'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='after',
            field=models.ForeignKey(db_index=False, help_text='Not sent before that one was sent, recalled or given up.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='outbox.message'),
        ),
        migrations.AddField(
            model_name='message',
            name='payload',
            field=models.JSONField(default=dict, verbose_name='what is said'),
        ),
        # The columns stay as they are: SQLite would build the tables anew, those of history too.
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.AlterField(
                model_name=model,
                name='address',
                field=models.CharField(help_text='Of a person, or where in the other system it is said.', max_length=254),
            )
            for model in ('historicalmessage', 'message')
        ]),
        migrations.AlterField(
            model_name='historicalmessage',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('pagerduty', 'PagerDuty'), ('slack', 'Slack'), ('jira', 'Jira'), ('webhook', 'Webhook')], default='email', max_length=10),
        ),
        migrations.AlterField(
            model_name='message',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail'), ('pagerduty', 'PagerDuty'), ('slack', 'Slack'), ('jira', 'Jira'), ('webhook', 'Webhook')], default='email', max_length=10),
        ),
    ]
