"""Audiences with names, sizes and revisions; lists of people; types of attributes."""

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_site_throttle'),
        ('audiences', '0001_initial'),
        ('subscribers', '0003_erased_mark'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AttributeType',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('text', 'Text'), ('number', 'Number'), ('boolean', 'Yes or no'), ('date', 'Date'), ('list', 'List')], max_length=7)),
            ],
        ),
        migrations.CreateModel(
            name='AudienceSize',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('people', models.PositiveIntegerField()),
                ('devices', models.PositiveIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='ListMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='ListProblem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('unmatched', 'Nobody has it'), ('malformed', 'Malformed')], max_length=9)),
                ('value', models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='ListUpload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('by_name', models.CharField(blank=True, max_length=150)),
                ('file_name', models.CharField(blank=True, max_length=200)),
                ('mode', models.CharField(choices=[('replace', 'Replace the list'), ('add', 'Add to the list'), ('remove', 'Remove from the list')], max_length=7)),
                ('names', models.CharField(choices=[('external_id', 'External ids'), ('email_hash', 'SHA-256 of e-mail addresses')], max_length=11)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('matched', models.PositiveIntegerField(default=0)),
                ('unmatched', models.PositiveIntegerField(default=0)),
                ('malformed', models.PositiveIntegerField(default=0)),
                ('repeated', models.PositiveIntegerField(default=0)),
                ('added', models.PositiveIntegerField(default=0)),
                ('removed', models.PositiveIntegerField(default=0)),
                ('members', models.PositiveIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='StaticList',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AddField(
            model_name='audience',
            name='revision',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='audience',
            name='updated_at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddConstraint(
            model_name='audience',
            constraint=models.UniqueConstraint(models.F('site'), django.db.models.functions.text.Lower('name'), condition=models.Q(('name', ''), _negated=True), name='audience_name_once'),
        ),
        migrations.AddField(
            model_name='attributetype',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attribute_types', to='accounts.site'),
        ),
        migrations.AddField(
            model_name='audiencesize',
            name='audience',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sizes', to='audiences.audience'),
        ),
        migrations.AddField(
            model_name='listmember',
            name='subscriber',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='subscribers.subscriber'),
        ),
        migrations.AddField(
            model_name='listupload',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='listproblem',
            name='upload',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='problems', to='audiences.listupload'),
        ),
        migrations.AddField(
            model_name='listmember',
            name='added',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='audiences.listupload'),
        ),
        migrations.AddField(
            model_name='listmember',
            name='removed',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='audiences.listupload'),
        ),
        migrations.AddField(
            model_name='staticlist',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='staticlist',
            name='site',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='static_lists', to='accounts.site'),
        ),
        migrations.AddField(
            model_name='listupload',
            name='list',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uploads', to='audiences.staticlist'),
        ),
        migrations.AddField(
            model_name='listmember',
            name='list',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='audiences.staticlist'),
        ),
        migrations.AddConstraint(
            model_name='attributetype',
            constraint=models.UniqueConstraint(fields=('site', 'name'), name='attribute_type_once'),
        ),
        migrations.AddConstraint(
            model_name='audiencesize',
            constraint=models.UniqueConstraint(fields=('audience', 'day'), name='audience_size_once'),
        ),
        migrations.AddIndex(
            model_name='listproblem',
            index=models.Index(fields=['upload', 'line'], name='list_problem_order'),
        ),
        migrations.AddConstraint(
            model_name='staticlist',
            constraint=models.UniqueConstraint(models.F('site'), django.db.models.functions.text.Lower('name'), name='static_list_name_once'),
        ),
        migrations.AddConstraint(
            model_name='listmember',
            constraint=models.UniqueConstraint(condition=models.Q(('removed', None)), fields=('list', 'subscriber'), name='list_member_once'),
        ),
    ]
