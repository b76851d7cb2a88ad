"""Indexes of who takes part in campaigns: also those who have only an inbox."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    # Subscriptions may be many: nobody waits while they are made.
    atomic = False

    dependencies = [('subscribers', '0007_mobile_apps')]

    operations = [
        # What an attempt that was interrupted left is never used, and would be in the way.
        migrations.RunSQL("DROP INDEX IF EXISTS subscription_reachable", migrations.RunSQL.noop),
        migrations.RunSQL("DROP INDEX IF EXISTS subscription_of_person", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name='subscription',
            index=models.Index(condition=models.Q(('state__in', ['active', 'inbox'])), fields=['site', 'id'], name='subscription_reachable'),
        ),
        AddIndexConcurrently(
            model_name='subscription',
            index=models.Index(fields=['site', 'subscriber'], include=('id', 'state', 'channel', 'language', 'time_zone', 'browser', 'platform', 'app_version', 'created_at'), name='subscription_of_person'),
        ),
        RemoveIndexConcurrently(model_name='subscription', name='subscription_active'),
        RemoveIndexConcurrently(model_name='subscription', name='subscription_audience'),
    ]
