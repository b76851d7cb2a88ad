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
        # What an attempt that was interrupted left is never used, and would be in the way.
        migrations.RunSQL("DROP INDEX IF EXISTS subscription_audience", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='subscription',
            index=models.Index(fields=['site', 'subscriber'], include=('id', 'state', 'channel', 'language', 'time_zone', 'browser', 'platform', 'created_at'), name='subscription_audience'),
        ),
    ]
