import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('subscribers', '0002_find_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='ErasedMark',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('mark', models.BinaryField(max_length=32)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.site')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('site', 'mark'), name='erased_mark_once')],
            },
        ),
    ]
