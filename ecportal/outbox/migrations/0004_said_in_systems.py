from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0003_messages_to_systems'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='message',
            index=models.Index(condition=models.Q(('channel', 'email'), _negated=True), fields=['channel', 'thread', 'id'], name='said_in_systems'),
        ),
    ]
