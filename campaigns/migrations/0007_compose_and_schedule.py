
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


# The check is of a table that Django knows as unmanaged in its shape (0002): it is changed by hand.
STATES = """
ALTER TABLE campaigns_delivery DROP CONSTRAINT delivery_state_known;
ALTER TABLE campaigns_delivery ADD CONSTRAINT delivery_state_known CHECK (state BETWEEN 0 AND 9);
"""
STATES_BEFORE = STATES.replace("0 AND 9", "0 AND 8")


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_site_throttle'),
        ('audiences', '0002_rules'),
        ('campaigns', '0006_engagement'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(STATES, STATES_BEFORE),
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('asked_by_name', models.CharField(blank=True, max_length=150)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('verdict', models.CharField(blank=True, choices=[('', 'Asked'), ('approved', 'Approved'), ('declined', 'Declined')], default='', max_length=8)),
                ('decided_at', models.DateTimeField(null=True)),
                ('note', models.CharField(blank=True, max_length=400)),
            ],
            options={
                'ordering': ['-asked_at'],
                'get_latest_by': 'asked_at',
            },
        ),
        migrations.CreateModel(
            name='Cap',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('topic', models.CharField(blank=True, max_length=64, verbose_name='topic')),
                ('most', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='messages')),
                ('days', models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)], verbose_name='days')),
            ],
            options={
                'ordering': ['topic', 'days'],
            },
        ),
        migrations.CreateModel(
            name='DryRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='running', max_length=9)),
                ('starts_at', models.DateTimeField()),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('last_subscription', models.BigIntegerField(default=0)),
                ('seen_through', models.BigIntegerField(default=0)),
                ('rule', models.JSONField(default=dict)),
                ('counts', models.JSONField(default=dict)),
                ('people', models.JSONField(default=dict)),
                ('zones', models.JSONField(default=list)),
                ('variants', models.JSONField(default=dict)),
                ('languages', models.JSONField(default=dict)),
                ('defaults', models.JSONField(default=dict)),
                ('sampled', models.PositiveIntegerField(null=True)),
                ('error', models.CharField(blank=True, max_length=400)),
            ],
            options={
                'ordering': ['-asked_at'],
                'get_latest_by': 'asked_at',
            },
        ),
        migrations.CreateModel(
            name='Picture',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('image', 'Picture'), ('icon', 'Icon'), ('badge', 'Badge')], max_length=5)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('digest', models.BinaryField(max_length=32)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.CreateModel(
            name='Policy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('quiet_start', models.TimeField(blank=True, null=True, verbose_name='from')),
                ('quiet_end', models.TimeField(blank=True, null=True, verbose_name='until')),
                ('quiet_action', models.CharField(choices=[('hold', 'Hold until they end'), ('skip', 'Skip the person')], default='hold', max_length=4)),
                ('gap_minutes', models.PositiveIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='minimum gap')),
                ('approval', models.CharField(choices=[('never', 'Nobody has to approve'), ('over', 'Large campaigns are approved'), ('always', 'Every campaign is approved')], default='never', max_length=6)),
                ('approval_over', models.PositiveIntegerField(default=25000)),
                ('type_over', models.PositiveIntegerField(default=1000)),
            ],
        ),
        migrations.CreateModel(
            name='Rendition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=10)),
                ('content_type', models.CharField(max_length=20)),
                ('width', models.PositiveSmallIntegerField()),
                ('height', models.PositiveSmallIntegerField()),
                ('data', models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name='SavedMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('content', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='batch',
            name='batch_adds_up',
        ),
        migrations.AddField(
            model_name='batch',
            name='holdout',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='campaign',
            name='authors',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='campaign',
            name='caps',
            field=models.CharField(choices=[('site', 'As the site does'), ('off', 'Send anyway')], default='site', max_length=4),
        ),
        migrations.AddField(
            model_name='campaign',
            name='conversion',
            field=models.CharField(blank=True, default='purchase', max_length=64),
        ),
        migrations.AddField(
            model_name='campaign',
            name='counted',
            field=models.BooleanField(default=True, verbose_name='counts toward caps'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='decide_minutes',
            field=models.PositiveIntegerField(default=240, validators=[django.core.validators.MinValueValidator(5)]),
        ),
        migrations.AddField(
            model_name='campaign',
            name='exceptions',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), blank=True, default=list, size=None),
        ),
        migrations.AddField(
            model_name='campaign',
            name='expiry_minutes',
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='campaign',
            name='holdout',
            field=models.PositiveSmallIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(50)]),
        ),
        migrations.AddField(
            model_name='campaign',
            name='late',
            field=models.CharField(choices=[('send', 'Send at once'), ('next_day', 'Send at that time the next day'), ('skip', 'Skip them')], default='next_day', max_length=8),
        ),
        migrations.AddField(
            model_name='campaign',
            name='no_zone',
            field=models.CharField(choices=[('site', "Use the site's time zone"), ('skip', 'Skip them')], default='site', max_length=4),
        ),
        migrations.AddField(
            model_name='campaign',
            name='occurrence',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='campaign',
            name='once_key',
            field=models.CharField(blank=True, max_length=64, verbose_name='send-once key'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='override_reason',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='campaign',
            name='parent',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='occurrences', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='priority',
            field=models.PositiveSmallIntegerField(default=50, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='priority'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='quiet',
            field=models.CharField(choices=[('site', 'As the site does'), ('hold', 'Hold until they end'), ('skip', 'Skip the person'), ('off', 'Send anyway')], default='site', max_length=4),
        ),
        migrations.AddField(
            model_name='campaign',
            name='recurrence',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='campaign',
            name='sample',
            field=models.PositiveSmallIntegerField(default=20, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)]),
        ),
        migrations.AddField(
            model_name='campaign',
            name='timing',
            field=models.CharField(choices=[('zone', 'At one moment everywhere'), ('local', "At each person's own time")], default='zone', max_length=5),
        ),
        migrations.AddField(
            model_name='campaign',
            name='topic',
            field=models.CharField(blank=True, max_length=64, verbose_name='topic'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='transactional',
            field=models.BooleanField(default=False, verbose_name='transactional'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='winner_by',
            field=models.CharField(choices=[('never', 'Never: share by weight'), ('click', 'Most clicks'), ('conversion', 'Most conversions'), ('hand', 'I choose')], default='never', max_length=10),
        ),
        migrations.AddField(
            model_name='delivery',
            name='variant',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='coupon',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='message',
            name='overrides',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='message',
            name='translations',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='message',
            name='utm_content',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='message',
            name='utm_term',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='message',
            name='variants',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='message',
            name='weight',
            field=models.PositiveSmallIntegerField(default=50),
        ),
        migrations.AddField(
            model_name='run',
            name='decide_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='expires_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='winner',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='run',
            name='winner_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='reason',
            field=models.CharField(blank=True, default='', max_length=80),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='state',
            field=models.PositiveSmallIntegerField(choices=[(0, 'Still to send'), (1, 'Being sent'), (2, 'Accepted'), (3, 'Refused'), (4, 'Gone'), (5, 'Skipped'), (6, 'Expired'), (7, 'Cancelled'), (8, 'Unknown'), (9, 'Kept back')], default=0),
        ),
        migrations.AlterField(
            model_name='message',
            name='badge',
            field=models.CharField(blank=True, max_length=500, verbose_name='badge'),
        ),
        migrations.AlterField(
            model_name='message',
            name='body',
            field=models.TextField(blank=True, max_length=2000, verbose_name='text'),
        ),
        migrations.AlterField(
            model_name='message',
            name='icon',
            field=models.CharField(blank=True, max_length=500, verbose_name='icon'),
        ),
        migrations.AlterField(
            model_name='message',
            name='image',
            field=models.CharField(blank=True, max_length=500, verbose_name='picture'),
        ),
        migrations.AlterField(
            model_name='message',
            name='title',
            field=models.CharField(max_length=500, verbose_name='title'),
        ),
        migrations.AlterField(
            model_name='message',
            name='url',
            field=models.CharField(max_length=1000, verbose_name='opens'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.CheckConstraint(condition=models.Q(('audience', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('pending'), '+', models.F('accepted')), '+', models.F('refused')), '+', models.F('gone')), '+', models.F('skipped')), '+', models.F('expired')), '+', models.F('cancelled')), '+', models.F('unknown')), '+', models.F('holdout')))), name='batch_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.UniqueConstraint(fields=('parent', 'occurrence'), name='campaign_occurrence_once'),
        ),
        migrations.AddField(
            model_name='approval',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='approval',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='approval',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='cap',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='caps', to='accounts.site'),
        ),
        migrations.AddField(
            model_name='dryrun',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='dryrun',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='dry_runs', to='campaigns.campaign'),
        ),
        migrations.AddField(
            model_name='run',
            name='forecast',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='runs', to='campaigns.dryrun'),
        ),
        migrations.AddField(
            model_name='picture',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='picture',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pictures', to='accounts.site'),
        ),
        migrations.AddField(
            model_name='policy',
            name='site',
            field=models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='policy', to='accounts.site'),
        ),
        migrations.AddField(
            model_name='rendition',
            name='picture',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='renditions', to='campaigns.picture'),
        ),
        migrations.AddField(
            model_name='savedmessage',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='savedmessage',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_messages', to='accounts.site'),
        ),
        migrations.AddConstraint(
            model_name='cap',
            constraint=models.UniqueConstraint(fields=('site', 'topic', 'days'), name='cap_once'),
        ),
        migrations.AddConstraint(
            model_name='dryrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('campaign',), name='dry_run_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='picture',
            constraint=models.UniqueConstraint(fields=('site', 'kind', 'digest'), name='picture_once'),
        ),
        migrations.AddConstraint(
            model_name='policy',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('quiet_end', None), ('quiet_start', None)), models.Q(('quiet_end__isnull', False), ('quiet_start__isnull', False), models.Q(('quiet_start', models.F('quiet_end')), _negated=True)), _connector='OR'), name='policy_quiet_whole'),
        ),
        migrations.AddConstraint(
            model_name='rendition',
            constraint=models.UniqueConstraint(fields=('picture', 'name'), name='rendition_once'),
        ),
        migrations.AddConstraint(
            model_name='savedmessage',
            constraint=models.UniqueConstraint(fields=('site', 'name'), name='saved_message_once'),
        ),
    ]
