"""What apps register with, and a key that identities may be signed by."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_site_throttle'),
    ]

    operations = [
        migrations.AddField(
            model_name='site',
            name='app_key',
            field=models.CharField(blank=True, editable=False, max_length=40),
        ),
        migrations.AddField(
            model_name='site',
            name='identity_public_key',
            field=models.TextField(blank=True),
        ),
    ]
