"""A run keeps the rule that it was planned by."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0004_leader_queueminute'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='rule',
            field=models.JSONField(null=True),
        ),
    ]
