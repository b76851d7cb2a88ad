"""VAPID keys become credentials, of which FCM and APNs have others."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        # Its trials know the model by its old name.
        ('campaigns', '0003_engine'),
        ('subscribers', '0005_count_audiences'),
    ]

    operations = [
        migrations.RemoveConstraint(model_name='vapidkey', name='vapid_one_current_key'),
        migrations.RemoveConstraint(model_name='vapidkey', name='vapid_key_once'),
        migrations.RenameModel('VapidKey', 'Credential'),
        migrations.RenameField('subscription', 'vapid_key', 'credential'),
    ]
