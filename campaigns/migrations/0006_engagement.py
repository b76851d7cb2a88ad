"""Indexes for audiences by what people made of campaigns. Small: few rows are clicked."""

from django.db import migrations

CREATE = [
    "CREATE INDEX delivery_clicked ON campaigns_delivery (run_id, subscription_id)"
    " WHERE clicked_at IS NOT NULL",
    "CREATE INDEX delivery_dismissed ON campaigns_delivery (run_id, subscription_id)"
    " WHERE dismissed_at IS NOT NULL",
]
DROP = ["DROP INDEX delivery_clicked", "DROP INDEX delivery_dismissed"]


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0005_run_rule'),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
