# Every target bootstraps .venv itself; the only thing a machine needs is Python >= 3.11.
PYTHON ?= python3
# Test processes side by side; 0 runs tests in one process, for a debugger.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test check unit integration e2e chaos faults bench crds rbac chart image image-check sbom audit docs clean

demo: $(STAMP)  ## the operator on the embedded control plane, with sample manifests
	@$(BIN)/eso dev $(ARGS)

test: check unit integration e2e  ## everything CI runs

check: $(STAMP)  ## lint, format, types, layers
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/pytest -n $(JOBS) --dist loadfile tests/unit $(ARGS)

integration: $(STAMP)
	$(BIN)/pytest -n $(JOBS) --dist loadfile tests/integration $(ARGS)

e2e: $(STAMP)  ## user stories, on the embedded and on the real control plane, and a little chaos
	$(BIN)/pytest tests/e2e tests/chaos $(ARGS)

chaos: $(STAMP)  ## everything goes wrong, on the real control plane; CHAOS_SEED=... repeats a run
	CHAOS=full $(BIN)/pytest tests/chaos -s $(ARGS)

faults: $(STAMP)  ## list and watch under random faults: SCENARIOS=10000, FAULT_SEED=... repeats a run
	FAULT_SCENARIOS=$(or $(SCENARIOS),10000) $(BIN)/pytest tests/unit/reconcile/cache/test_reflector_property.py \
		tests/unit/reconcile/cache/test_embedded_property.py -s --show-capture=no --timeout 7200 $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(ARGS)

crds: $(STAMP)  ## config/crd/bases from the models
	$(BIN)/eso crds --output config/crd/bases

rbac: $(STAMP)  ## config/rbac from what the controllers declare
	$(BIN)/eso rbac --output config/rbac

chart: $(STAMP)  ## what the Helm chart takes from the code: definitions, rules, schema, dashboard
	$(BIN)/python -m tests.support.chart

image:
	docker build -t external-secrets:dev .

image-check:  ## the build steps of the image, without Docker
	image/check $(or $(EXTRAS),all)

sbom: $(STAMP)  ## build/sbom.json: what the image of EXTRAS holds, as CycloneDX
	rm -rf build/image && image/build build/image $(or $(EXTRAS),all)
	image/sbom build/image/bin/python build/sbom.json

audit: $(STAMP)  ## known vulnerabilities of the pinned versions; asks an advisory database, so it needs the internet
	test -x build/audit/bin/pip-audit || ($(PYTHON) -m venv build/audit && build/audit/bin/pip install -q pip-audit)
	build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

docs: $(STAMP)
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .hypothesis
