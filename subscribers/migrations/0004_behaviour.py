"""What people did: events by month, carts; topics; and addresses known by their hash."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


CREATE = """
CREATE TABLE subscribers_event (
    name_id integer NOT NULL,
    subscriber_id uuid NOT NULL,
    at timestamptz NOT NULL,
    number bigint NOT NULL,
    received_at timestamptz NOT NULL,
    properties jsonb NOT NULL,
    value numeric GENERATED ALWAYS AS (beckon_number(properties -> 'value')) STORED,
    -- Serves audiences without a look at the rows: who did this, when, how often, for how much.
    CONSTRAINT event_once PRIMARY KEY (name_id, subscriber_id, at, number) INCLUDE (value)
) PARTITION BY RANGE (at);
"""

# Only what is safe to read becomes a value: a text that is no number or no date is not set.
FUNCTIONS = r"""
CREATE FUNCTION beckon_text(jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof($1) IN ('string', 'number', 'boolean') THEN $1 #>> '{}' END
$$;
CREATE FUNCTION beckon_number(jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE jsonb_typeof($1)
        WHEN 'number' THEN $1::numeric
        WHEN 'string' THEN CASE WHEN $1 #>> '{}' ~ '^-?[0-9]{1,15}(\.[0-9]{1,9})?$'
            THEN ($1 #>> '{}')::numeric END
    END
$$;
CREATE FUNCTION beckon_date(jsonb) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof($1) = 'string'
        AND $1 #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[T ])'
        AND pg_input_is_valid(left($1 #>> '{}', 10), 'date')
        THEN left($1 #>> '{}', 10)::date END
$$;
CREATE FUNCTION beckon_list(jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof($1) = 'array' THEN $1 END
$$;
"""
DROP = "DROP FUNCTION beckon_text, beckon_number, beckon_date, beckon_list"

# As subscribers.emails.hash_of does.
HASHES = r"""
UPDATE subscribers_subscriber SET email_hash = CASE
    WHEN attributes ->> 'email_sha256' ~ '^[0-9a-fA-F]{64}$'
    THEN lower(attributes ->> 'email_sha256')
    ELSE encode(sha256(convert_to(lower(btrim(attributes ->> 'email', E' \t\r\n')), 'UTF8')), 'hex')
END
WHERE (jsonb_typeof(attributes -> 'email') = 'string'
        AND attributes ->> 'email' ~ '^\s*[^\s@]+@[^\s@]+\.[^\s@]+\s*$'
        AND length(btrim(attributes ->> 'email', E' \t\r\n')) <= 254)
    OR attributes ->> 'email_sha256' ~ '^[0-9a-fA-F]{64}$'
"""

EVENT = migrations.CreateModel(
    name='Event',
    fields=[
        ('pk', models.CompositePrimaryKey('name_id', 'subscriber_id', 'at', 'number', blank=True, editable=False, primary_key=True, serialize=False)),
        ('name', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='subscribers.eventname')),
        ('subscriber', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='subscribers.subscriber')),
        ('at', models.DateTimeField()),
        ('number', models.BigIntegerField()),
        ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
        ('properties', models.JSONField(default=dict)),
        ('value', models.GeneratedField(db_persist=True, expression=models.Func(models.fields.json.KeyTransform('value', 'properties'), function='beckon_number'), output_field=models.DecimalField(decimal_places=50, max_digits=100))),
    ],
    options={
        'db_table': 'subscribers_event',
    },
)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_site_throttle'),
        ('subscribers', '0003_erased_mark'),
    ]

    operations = [
        migrations.RunSQL([FUNCTIONS], DROP),
        migrations.CreateModel(
            name='Cart',
            fields=[
                ('subscriber', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='cart', serialize=False, to='subscribers.subscriber')),
                ('key', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('open', 'Open'), ('bought', 'Bought'), ('empty', 'Emptied')], default='open', max_length=8)),
                ('items', models.JSONField(default=list)),
                ('value', models.DecimalField(decimal_places=2, max_digits=14, null=True)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name='EventName',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name='eventname',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='event_names', to='accounts.site'),
        ),
        migrations.RunSQL(
            CREATE,
            "DROP TABLE subscribers_event",
            state_operations=[EVENT],
        ),
        migrations.AddField(
            model_name='subscriber',
            name='email_hash',
            field=models.CharField(blank=True, editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name='subscriber',
            name='topics',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), blank=True, default=list, size=None),
        ),
        migrations.RunSQL([HASHES], migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='subscriber',
            index=models.Index(condition=models.Q(('email_hash', ''), _negated=True), fields=['site', 'email_hash'], name='subscriber_email_hash'),
        ),
        migrations.AddField(
            model_name='cart',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.site'),
        ),
        migrations.AddIndex(
            model_name='cart',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['site', 'updated_at'], name='cart_open'),
        ),
        migrations.AddConstraint(
            model_name='eventname',
            constraint=models.UniqueConstraint(fields=('site', 'name'), name='event_name_once'),
        ),
    ]
