# Every task of iamkit; `make` alone lists them. Needs Python 3.11 or newer and nothing else.
# The clone's path may hold spaces, so every path here is relative and every tool is run as
# `python -m`: the scripts in .venv/bin name their interpreter by its full path.

.DEFAULT_GOAL := help
.PHONY: help setup report monthly collect lab test test-large fuzz check docs screenshots bench lock clean

VENV := .venv/bin/python
# Files side by side, in the order of tests/conftest.py: the longest come first.
TESTS := -m pytest -n auto --dist loadfile --no-loadscope-reorder
PYTHON ?=

# What the user gave reaches the shell as environment variables, to the letter: a `$` or a
# quote in a value means itself. ARGS is different: it is more of the command line.
GIVEN := PYTHON SNAPSHOT PROFILE REGION ROLE_ARN EXTERNAL_ID MFA_SERIAL LAST_ACCESSED FILES AS_OF \
	OUT SETTINGS
# A misspelt name would be taken for none, and the report be of the demo company.
MISSPELT := $(filter-out $(GIVEN) ARGS MAKEFLAGS,$(foreach name,$(.VARIABLES),$(if \
	$(filter command,$(firstword $(origin $(name)))),$(name))))
$(if $(strip $(MISSPELT)),$(error iamkit: nothing is called $(MISSPELT); there are $(GIVEN) ARGS))
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name)))$(eval export $(name)))

# Sets $python to an interpreter that outlives .venv, even when it was found inside .venv.
define find_python
python=; without_venv=; \
if [ -n "$$PYTHON" ]; then set -- "$$PYTHON"; \
else set -- python3.13 python3.12 python3.11 python3 python; fi; \
for candidate in "$$@"; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then \
		python="$$("$$candidate" -c 'import sys; print(sys._base_executable)')"; break; \
	fi; \
	without_venv="$$candidate"; \
done; \
if [ -z "$$python" ] && [ -n "$$without_venv" ]; then \
	echo "iamkit: $$without_venv lacks the venv module; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; \
elif [ -z "$$python" ]; then \
	echo "iamkit needs Python 3.11 or newer; $${PYTHON:-what is on the path} is not: install it, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; \
fi
endef

# Sets "$@" to the `iamkit` command that writes the evidence asked for.
define collect_command
set -- collect; \
[ -z "$$PROFILE" ] || set -- "$$@" --profile "$$PROFILE"; \
[ -z "$$REGION" ] || set -- "$$@" --region "$$REGION"; \
[ -z "$$ROLE_ARN" ] || set -- "$$@" --role-arn "$$ROLE_ARN"; \
[ -z "$$EXTERNAL_ID" ] || set -- "$$@" --external-id "$$EXTERNAL_ID"; \
[ -z "$$MFA_SERIAL" ] || set -- "$$@" --mfa-serial "$$MFA_SERIAL"; \
case "$$LAST_ACCESSED" in ''|0|no) ;; *) set -- "$$@" --last-accessed ;; esac; \
[ -z "$$FILES" ] || set -- "$$@" --from-files "$$FILES"; \
[ -z "$$AS_OF" ] || set -- "$$@" --as-of "$$AS_OF"
endef

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r target text; do \
		printf 'make %-11s %s\n' "$$target" "$$text"; done

# A stamp is written after its step has succeeded and holds what the step was made from, so an
# interrupted setup is done again, and file times, which a fresh clone makes up, play no part.
# Where PYTHONDONTWRITEBYTECODE is set, each process would compile the package anew, a third of a
# second at a time; compileall writes in spite of it, and takes 40 ms when there is nothing to do.
setup: ## Build .venv from requirements.lock; does nothing when it is up to date
	@set -e; \
	lock="$$(cksum < requirements.lock)"; \
	project="$$(pwd; cksum < pyproject.toml)"; \
	wanted="$$([ -z "$$PYTHON" ] || "$$PYTHON" -VV 2>&1 || echo none)"; \
	if [ "$$(cat .venv/lock.stamp 2>/dev/null)" != "$$lock" ] || ! actual="$$($(VENV) -VV 2>/dev/null)" || \
			[ "$${wanted:-$$actual}" != "$$actual" ]; then \
		$(find_python); \
		echo "Setting up .venv: about a minute, once" >&2; \
		rm -rf .venv; \
		"$$python" -m venv .venv; \
		$(VENV) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock; \
		echo "$$lock" > .venv/lock.stamp; \
	fi; \
	if [ "$$(cat .venv/project.stamp 2>/dev/null)" != "$$project" ]; then \
		$(VENV) -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .; \
		echo "$$project" > .venv/project.stamp; \
	fi; \
	$(VENV) -m compileall -q iamkit || :

report: setup ## Report on a demo company; PROFILE=, FILES= or SNAPSHOT= for a real account
	@set -e; \
	given="$$PROFILE$$REGION$$ROLE_ARN$$EXTERNAL_ID$$MFA_SERIAL$$LAST_ACCESSED$$FILES$$AS_OF"; \
	if [ -n "$$SNAPSHOT" ]; then \
		if [ -n "$$given" ]; then \
			echo "iamkit: SNAPSHOT= is evidence already taken; leave it out to collect anew" >&2; exit 2; \
		fi; \
		snapshot="$$SNAPSHOT"; \
	else \
		if [ -n "$$given" ]; then $(collect_command); else set -- demo; fi; \
		[ -z "$$OUT" ] || set -- "$$@" --out "$$OUT"; \
		snapshot="$$($(VENV) -m iamkit "$$@")"; \
	fi; \
	set -- report "$$snapshot"; \
	if [ -n "$$SNAPSHOT" ] && [ -n "$$OUT" ]; then set -- "$$@" --out "$$OUT"; fi; \
	[ -z "$$SETTINGS" ] || set -- "$$@" --settings "$$SETTINGS"; \
	$(VENV) -m iamkit "$$@" $(ARGS)

monthly: setup ## Audit every account of the run file, iamkit.yaml or SETTINGS=; ARGS=--quiet for cron
	@set -e; \
	set -- run; \
	[ -z "$$SETTINGS" ] || set -- "$$@" "$$SETTINGS"; \
	$(VENV) -m iamkit "$$@" $(ARGS)

collect: setup ## Only take the evidence: PROFILE=name (REGION= ROLE_ARN= ...) or FILES=dir; OUT=dir
	@set -e; \
	$(collect_command); \
	[ -z "$$OUT" ] || set -- "$$@" --out "$$OUT"; \
	$(VENV) -m iamkit "$$@" $(ARGS)

lab: setup ## Open copies of the notebooks, in reports/lab, in JupyterLab, on this machine only
	@$(VENV) -m iamkit lab --out reports/lab $(ARGS)

test: setup ## Run the tests; ARGS="-k mfa" for some of them
	@$(VENV) $(TESTS) $(ARGS)

test-large: setup ## Run the tests with eighty times as many examples of each property
	@$(VENV) $(TESTS) --hypothesis-profile=large $(ARGS)

fuzz: setup ## Damage saved files 100,000 times; ARGS="1000 7" for a thousand from seed 7
	@$(VENV) -m tests.mutations $(ARGS)

docs: setup ## Write docs/reference/ anew from the code
	@$(VENV) docs/make_reference.py

screenshots: setup ## Write the README's pictures and docs/sample/ anew; needs Chromium
	@$(VENV) -m tests.screenshots

check: setup ## Run what must pass before a commit: format, lint, types, tests
	@failed=; \
	step() { name="$$1"; shift; echo "== $$name"; "$$@" || failed="$$failed $$name"; }; \
	step format $(VENV) -m ruff format --check .; \
	step lint $(VENV) -m ruff check .; \
	step types $(VENV) -m mypy; \
	step tests $(VENV) $(TESTS) $(ARGS); \
	[ -z "$$failed" ] || { echo "make check: failed:$$failed" >&2; exit 1; }

bench: setup ## Run every benchmark
	@set -e; for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(VENV) "$$bench" $(ARGS); done

lock: ## Write requirements.lock anew from pyproject.toml; ARGS=--upgrade for newer versions
	@set -e; \
	$(find_python); \
	trap 'rm -rf .venv-lock' EXIT; \
	"$$python" -m venv --clear .venv-lock; \
	.venv-lock/bin/python -m pip install -qq --disable-pip-version-check uv; \
	.venv-lock/bin/python -m uv pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --no-header --all-extras $(ARGS) \
		pyproject.toml -o requirements.lock

clean: ## Remove .venv, caches and build leftovers; never reports/, which is evidence
	@rm -rf .venv .venv-lock benchmarks/.venv-* build *.egg-info \
		.hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find iamkit notebooks tests benchmarks \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
