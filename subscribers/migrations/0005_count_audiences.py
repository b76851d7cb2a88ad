"""An index from which the devices of audiences are counted."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Subscriptions may be many: nobody waits while it is made.
    atomic = False

    dependencies = [
        ('subscribers', '0004_behaviour'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='subscription',
            index=models.Index(fields=['site', 'subscriber'], include=('id', 'state', 'channel', 'language', 'time_zone', 'browser', 'platform', 'created_at'), name='subscription_audience'),
        ),
    ]
