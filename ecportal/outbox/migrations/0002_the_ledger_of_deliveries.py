import django.db.models.deletion
import simple_history.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeliveryAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('result', models.CharField(choices=[('sent', 'Sent'), ('deferred', 'Not now'), ('refused', 'Refused for good'), ('broken', 'Broken off: it may have arrived'), ('away', 'Server away'), ('died', 'The sender stopped: it may have arrived')], max_length=10)),
                ('code', models.PositiveSmallIntegerField(null=True, verbose_name='reply code')),
                ('answer', models.TextField(blank=True, verbose_name="the server's answer")),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalMessage',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('history_verb', models.CharField(default='', editable=False, max_length=40)),
                ('history_happened_at', models.DateTimeField(editable=False, help_text="As claimed by the actor; history_date is the server's.", null=True)),
                ('history_on_behalf_of', models.CharField(default='', editable=False, help_text='The delegation used, in words.', max_length=200)),
                ('history_about', models.TextField(default='', editable=False, help_text='Other records that the act names, in words.')),
                ('channel', models.CharField(choices=[('email', 'E-mail')], default='email', max_length=10)),
                ('address', models.EmailField(max_length=254)),
                ('subject', models.CharField(max_length=300)),
                ('message_id', models.CharField(db_index=True, max_length=200, verbose_name='Message-ID')),
                ('thread', models.CharField(blank=True, help_text='What the message is about, such as EC-2026-0001.', max_length=100)),
                ('written_at', models.DateTimeField()),
                ('history_user_id', models.BigIntegerField(db_index=True, null=True)),
                ('history_id', models.BigAutoField(editable=False, primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.TextField(null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical message',
                'verbose_name_plural': 'historical messages',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RemoveIndex(
            model_name='message',
            name='unsent_messages',
        ),
        migrations.RenameField(
            model_name='message',
            old_name='error',
            new_name='answer',
        ),
        migrations.AlterField(
            model_name='message',
            name='answer',
            field=models.TextField(blank=True, verbose_name="the server's last answer"),
        ),
        migrations.AddField(
            model_name='message',
            name='channel',
            field=models.CharField(choices=[('email', 'E-mail')], default='email', max_length=10),
        ),
        migrations.AddField(
            model_name='message',
            name='failing_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='failures',
            field=models.PositiveIntegerField(default=0, help_text='Attempts that count towards giving up, since it was last retried.'),
        ),
        migrations.AddField(
            model_name='message',
            name='given_up_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='next_attempt_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='thread',
            field=models.CharField(blank=True, help_text='What the message is about, such as EC-2026-0001.', max_length=100),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('given_up_at', None), ('recalled_at', None), ('sent_at', None)), fields=['channel', 'id'], name='messages_to_send'),
        ),
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('given_up_at__isnull', False), ('recalled_at', None), ('sent_at', None)), fields=['id'], name='dead_letters'),
        ),
        migrations.AddField(
            model_name='deliveryattempt',
            name='message',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='outbox.message'),
        ),
        migrations.AddIndex(
            model_name='deliveryattempt',
            index=models.Index(fields=['message', 'id'], name='attempts_of_a_message'),
        ),
    ]
