# Beckon's commands. All they need is Python 3.11 or newer and make; everything else goes into
# .venv (and .uv, when uv is not installed), never into your own environment.

.SUFFIXES:
MAKEFLAGS += --no-print-directory
export UV_PYTHON_DOWNLOADS = never
# Trust what the system trusts, as pip does, where the system says what that is.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= 1
endif
PY = .venv/bin/python
# Enough for the tools that load the settings but talk to nobody.
NO_SERVICES = SECRET_KEY=unused-unused-unused-unused-unused-unused-unused-unused ENCRYPTION_KEYS=unused

.PHONY: help up test chaos lint types lock clean env-run env-dev uv

help:
	@echo "make up      start Beckon (ARGS=--no-demo leaves out the demo; Ctrl-C stops it)"
	@echo "make test    run all tests (ARGS='-k name' for some)"
	@echo "make chaos   strike a running Beckon with faults (SEEDS=200 RECIPIENTS=10000, or SEED=17)"
	@echo "make lint    check style and templates"
	@echo "make types   check types"
	@echo "make lock    lock the versions in pyproject.toml (ARGS=--upgrade for newer ones)"
	@echo "make clean   remove what can be made again; var/ stays"

up: env-run
	@exec $(PY) manage.py up $(ARGS)

test: env-dev
	@exec $(PY) -m pytest -q -n auto --maxprocesses 8 --dist loadgroup --cov --no-cov-on-fail $(ARGS)

# Each seed chooses faults, their moments, the audience and the devices: see docs/guarantee.md.
SEEDS = 20
RECIPIENTS = 2000

chaos: env-dev
	@exec $(PY) -m tests.chaos --seeds $(or $(SEED),1-$(SEEDS)) --recipients $(RECIPIENTS) $(ARGS)

lint: env-dev
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@git ls-files '*.html' | xargs -r .venv/bin/djade --check --target-version 5.2
	@$(NO_SERVICES) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

types: env-dev
	@$(NO_SERVICES) $(PY) -m mypy .

clean:
	@rm -rf .venv .uv .cache .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache

# Each lock says which packages, at which versions and with which hashes, .venv holds.
LOCK_LINE = \# Locked for every platform and Python; made by "make lock" from pyproject.toml. Do not edit.
COMPILE = pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --custom-compile-command "make lock"

lock: uv
	@$(call lock,requirements.txt,pyproject.toml)
	@$(call lock,requirements-dev.txt,pyproject.toml --group dev --constraint requirements.txt)
	@$(call lock,requirements-uv.txt,requirements-uv.in)

define lock
cp $(1) .lock.txt 2>/dev/null; \
$(UV) $(COMPILE) $(ARGS) --output-file .lock.txt $(2) > /dev/null && \
{ echo '$(LOCK_LINE)'; grep -v '^# Locked' .lock.txt; } > $(1); \
status=$$?; rm -f .lock.txt; exit $$status
endef

# The development packages include those for running: one .venv serves both.
env-run:
	@$(call sync,requirements.txt,requirements-dev.txt)

env-dev:
	@$(call sync,requirements-dev.txt)

# $(1): the lock to install; $(2): another one that will do if it is installed already.
define sync
for lock in $(1) $(2); do \
	if [ "$$(cat .venv/installed 2>/dev/null)" = "$$(cksum < $$lock)" ] && \
		$(PY) -c "" 2>/dev/null; then exit 0; fi; \
done; \
$(MAKE) uv && \
{ $(PY) -c "$(NEW_ENOUGH)" 2>/dev/null || $(UV) venv --quiet --clear --python "$$($(FIND_PYTHON))" .venv; } && \
rm -f .venv/installed && \
echo "Installing the packages of $(1) ..." && \
$(UV) pip sync --quiet --require-hashes --python $(PY) $(1) && \
cksum < $(1) > .venv/installed
endef

# uv from the PATH, else a private one at the locked version.
UV = $$(command -v uv || echo .uv/bin/uv)
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
FIND_PYTHON = for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c "$(NEW_ENOUGH)" 2>/dev/null && command -v $$p && break; done

uv:
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
		echo "Beckon needs Python 3.11 or newer. Debian, Ubuntu: apt install python3 python3-venv" >&2; \
		exit 1; \
	fi; \
	command -v uv > /dev/null && exit 0; \
	[ "$$(cat .uv/installed 2>/dev/null)" = "$$(cksum < requirements-uv.txt)" ] && exit 0; \
	if ! "$$python" -c "import ensurepip, venv" 2>/dev/null; then \
		echo "Python's venv module is missing. Debian, Ubuntu: apt install python3-venv" >&2; \
		exit 1; \
	fi; \
	"$$python" -m venv --clear .uv && \
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.txt && \
	cksum < requirements-uv.txt > .uv/installed
