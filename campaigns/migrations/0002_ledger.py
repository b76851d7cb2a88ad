"""The ledger table: range-partitioned by month, so that old months are dropped, not deleted."""

from django.db import migrations

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


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE campaigns_delivery")]
