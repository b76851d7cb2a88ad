"""The ledger table: range-partitioned by month, so that old months are dropped, not deleted."""

import django.db.models.deletion
from django.db import migrations, models

CREATE = """
CREATE TABLE campaigns_delivery (
    month date NOT NULL,
    run_id bigint NOT NULL,
    subscription_id bigint NOT NULL,
    not_before timestamptz,
    sent_at timestamptz,
    settled_at timestamptz,
    displayed_at timestamptz,
    clicked_at timestamptz,
    dismissed_at timestamptz,
    state smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    status_code smallint,
    version smallint,
    reason varchar(40) NOT NULL DEFAULT '',
    message_location text NOT NULL DEFAULT '',
    CONSTRAINT delivery_once PRIMARY KEY (month, run_id, subscription_id),
    CONSTRAINT delivery_state_known CHECK (state BETWEEN 0 AND 8)
) PARTITION BY RANGE (month);
-- Serves the person page: what did this device get?
CREATE INDEX delivery_subscription ON campaigns_delivery (subscription_id);
"""

LEDGER = migrations.CreateModel(
    name="Delivery",
    fields=[
        (
            "pk",
            models.CompositePrimaryKey(
                "month",
                "run_id",
                "subscription_id",
                blank=True,
                editable=False,
                primary_key=True,
                serialize=False,
            ),
        ),
        ("month", models.DateField()),
        (
            "run",
            models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="deliveries",
                to="campaigns.run",
            ),
        ),
        (
            "subscription",
            models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="deliveries",
                to="subscribers.subscription",
            ),
        ),
        (
            "state",
            models.PositiveSmallIntegerField(
                choices=[
                    (0, "Still to send"),
                    (1, "Being sent"),
                    (2, "Accepted"),
                    (3, "Refused"),
                    (4, "Gone"),
                    (5, "Skipped"),
                    (6, "Expired"),
                    (7, "Cancelled"),
                    (8, "Unknown"),
                ],
                default=0,
            ),
        ),
        ("attempts", models.PositiveSmallIntegerField(default=0)),
        ("status_code", models.PositiveSmallIntegerField(null=True)),
        ("version", models.PositiveSmallIntegerField(null=True)),
        ("not_before", models.DateTimeField(null=True)),
        ("sent_at", models.DateTimeField(null=True)),
        ("settled_at", models.DateTimeField(null=True)),
        ("displayed_at", models.DateTimeField(null=True)),
        ("clicked_at", models.DateTimeField(null=True)),
        ("dismissed_at", models.DateTimeField(null=True)),
        ("reason", models.CharField(blank=True, default="", max_length=40)),
        ("message_location", models.TextField(blank=True, default="")),
    ],
    options={"db_table": "campaigns_delivery"},
)


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial"), ("subscribers", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE, "DROP TABLE campaigns_delivery")],
            state_operations=[LEDGER],
        )
    ]
