"""Which devices of a person, what apps get, and the inbox."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('campaigns', '0009_credentials'),
        ('subscribers', '0006_credentials'),
    ]

    operations = [
        migrations.CreateModel(
            name='InboxMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('read_at', models.DateTimeField(null=True)),
                ('deleted_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='batch',
            name='receipts',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='campaign',
            name='devices',
            field=models.CharField(choices=[('every', 'Every device of a person'), ('recent', 'The device that they used last'), ('mobile', 'Their apps if they have any, else their browsers')], default='every', max_length=6),
        ),
        migrations.AddField(
            model_name='campaign',
            name='inbox',
            field=models.BooleanField(default=False, verbose_name='also in the inbox'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='inbox_days',
            field=models.PositiveSmallIntegerField(default=30, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(90)]),
        ),
        migrations.AddIndex(
            model_name='campaign',
            index=models.Index(condition=models.Q(('inbox', True)), fields=['site'], name='campaign_inbox'),
        ),
        migrations.AddField(
            model_name='message',
            name='app',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='trial',
            name='credential',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.credential'),
        ),
        migrations.AddField(
            model_name='inboxmark',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='campaigns.run'),
        ),
        migrations.AddField(
            model_name='inboxmark',
            name='subscriber',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.subscriber'),
        ),
        migrations.AddConstraint(
            model_name='inboxmark',
            constraint=models.UniqueConstraint(fields=('subscriber', 'run'), name='inbox_mark_once'),
        ),
    ]
