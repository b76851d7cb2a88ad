"""Trials are of credentials, which VAPID keys have become."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0008_parts_of_a_digest'),
        ('subscribers', '0006_credentials'),
    ]

    operations = [
        # A constraint does not follow the field that it names.
        migrations.RemoveConstraint(model_name='trial', name='trial_once'),
        migrations.RenameField('trial', 'vapid_key', 'credential'),
        migrations.AddConstraint(
            model_name='trial',
            constraint=models.UniqueConstraint(fields=('run', 'credential', 'origin'), name='trial_once'),
        ),
    ]
