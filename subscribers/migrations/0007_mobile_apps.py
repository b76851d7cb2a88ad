"""Addresses of apps beside those of browsers."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_mobile_apps'),
        ('subscribers', '0006_credentials'),
    ]

    operations = [
        migrations.AddField(
            model_name='credential',
            name='channel',
            field=models.CharField(choices=[('web', 'Web push'), ('fcm', 'Apps through Firebase (FCM)'), ('apns', 'Apps through Apple (APNs)')], default='web', max_length=4),
        ),
        migrations.AddField(
            model_name='credential',
            name='checked_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='credential',
            name='details',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AddField(
            model_name='credential',
            name='name',
            field=models.CharField(blank=True, max_length=100),
        ),
        migrations.AddField(
            model_name='credential',
            name='problem',
            field=models.CharField(blank=True, max_length=400),
        ),
        migrations.AddField(
            model_name='credential',
            name='token',
            field=models.BinaryField(null=True),
        ),
        migrations.AddField(
            model_name='credential',
            name='token_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='credential',
            name='token_until',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='subscription',
            name='app_version',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='subscription',
            name='moved_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='consentrecord',
            name='wording',
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AlterField(
            model_name='credential',
            name='public_key',
            field=models.BinaryField(default=b'', max_length=65),
        ),
        migrations.AlterField(
            model_name='credential',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to='accounts.site'),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='auth',
            field=models.BinaryField(default=b'', max_length=16),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='channel',
            field=models.CharField(choices=[('web', 'Web push'), ('fcm', 'Apps through Firebase (FCM)'), ('apns', 'Apps through Apple (APNs)')], default='web', max_length=8),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='credential',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='subscriptions', to='subscribers.credential'),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='p256dh',
            field=models.BinaryField(default=b'', max_length=65),
        ),
        migrations.AlterField(
            model_name='subscription',
            name='state',
            field=models.CharField(choices=[('active', 'Active'), ('unsubscribed', 'Unsubscribed'), ('gone', 'Gone'), ('inbox', 'Inbox only')], default='active', max_length=12),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(condition=models.Q(('retired_at', None)), fields=('site', 'channel'), name='credential_one_current'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(condition=models.Q(('channel', 'web')), fields=('site', 'public_key'), name='credential_key_once'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(condition=models.Q(('channel', 'web'), _negated=True), fields=('site', 'channel', 'name'), name='credential_name_once'),
        ),
    ]
