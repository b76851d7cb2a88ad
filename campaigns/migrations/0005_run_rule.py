"""A run keeps the rule that it was planned by."""

from django.db import migrations, models


# What is being planned goes on by the rule that it began with.
KEEP = """
UPDATE campaigns_run SET rule = audience.rule
FROM campaigns_campaign AS campaign JOIN audiences_audience AS audience
    ON audience.id = campaign.audience_id
WHERE campaign.id = campaigns_run.campaign_id AND campaigns_run.kind = 'campaign'
    AND campaigns_run.planned_at IS NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0004_leader_queueminute'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='rule',
            field=models.JSONField(null=True),
        ),
        migrations.RunSQL([KEEP], migrations.RunSQL.noop),
    ]
