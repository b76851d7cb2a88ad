import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Lower


class Migration(migrations.Migration):

    dependencies = [
        ('subscribers', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='consentrecord',
            name='prompt',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='subscribers.prompt'),
        ),
        migrations.AddIndex(
            model_name='subscriber',
            index=models.Index(models.F('site'), django.contrib.postgres.indexes.OpClass(Lower('external_id'), name='text_pattern_ops'), condition=models.Q(('external_id', ''), _negated=True), name='subscriber_find_id'),
        ),
        migrations.AddIndex(
            model_name='subscriber',
            index=models.Index(models.F('site'), django.contrib.postgres.indexes.OpClass(Lower(Coalesce(KeyTextTransform('name', 'attributes'), KeyTextTransform('first_name', 'attributes'))), name='text_pattern_ops'), name='subscriber_find_name'),
        ),
    ]
