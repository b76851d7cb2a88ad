"""`manage.py up`: one foreground process that starts, watches and stops all the others."""
