"""Trials are of credentials, which VAPID keys have become."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0008_parts_of_a_digest'),
        ('subscribers', '0006_credentials'),
    ]

    operations = [migrations.RenameField('trial', 'vapid_key', 'credential')]
