from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0003_engine"),
    ]

    operations = [
        migrations.CreateModel(
            name="Leader",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=200)),
                ("until", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="QueueMinute",
            fields=[
                ("minute", models.DateTimeField(primary_key=True, serialize=False)),
                ("waiting", models.PositiveIntegerField()),
            ],
        ),
    ]
