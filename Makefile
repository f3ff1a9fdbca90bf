# make quickstart   from nothing to OED and VOST-SGG trained and compared on the sample data set, always anew
# make demo         the scene graphs of a sample video, in output/demo; trains the model first where it is not there
# make test         lint, format and tests
# make env          only the environment, .venv: the pinned packages, detectron2 and this package
# make browser      only Debian's chromium, in which the report is tested, where there is none
#
# The first three make the environment first, once. To use your own torch, CUDA or detectron2 do not use make env:
# README.md, "Installation". With no python3.11 on the PATH: make PYTHON=/path/to/python3.11 ...

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: quickstart demo test lint format env install browser

PYTHON ?= python3.11
VENV ?= .venv

BIN := $(VENV)/bin
LOCK := requirements/requirements.lock
# An environment is complete when the stamp exists whose name is the fingerprint of all that it was made from (the
# checkout's own path too: an environment cannot be moved). While it is being made .installing stands in it.
KEY := $(shell { pwd; cat Makefile setup.py requirements/*.lock tools/install_detectron2.py; } | sha256sum | cut -c 1-16)
STAMP := $(VENV)/.installed-$(KEY)
INSTALLING := $(VENV)/.installing

quickstart: env
	rm -rf output/quickstart
	$(BIN)/python tools/ablation.py --config-dir configs/sample --models oed vost --seeds 1 --jobs 2 --output-dir output/quickstart

DEMO_CONFIG := configs/sample/oed_sgdet.yaml
DEMO_WEIGHTS := output/sample/oed_sgdet/temporal/model_final.pth
DEMO_VIDEO := import vost_sgg.data as d; from detectron2.data import DatasetCatalog as c, MetadataCatalog as m; \
	n = 'ag_sample_test'; print(m.get(n).root + '/videos/' + c.get(n)[0]['video_id'])

# The model never trained on this video, and sees the file alone, without its annotations.
demo: env
	[ -e $(DEMO_WEIGHTS) ] || \
		$(BIN)/python tools/train_net.py --config-file $(DEMO_CONFIG) --resume
	rm -rf output/demo output/demo_input
	mkdir -p output/demo_input
	cp "$$($(BIN)/python -c "$(DEMO_VIDEO)" | tail -n 1)" output/demo_input
	$(BIN)/python tools/demo.py --config-file $(DEMO_CONFIG) --video-input output/demo_input/*.mp4 --output output/demo \
		--opts MODEL.WEIGHTS $(DEMO_WEIGHTS)

test: lint browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: env
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .

format: env
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# The HTML report is tested in a real browser. No Python package brings one, so it is Debian's.
browser:
	@if command -v chromium >/dev/null; then exit; fi
	if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi
	export DEBIAN_FRONTEND=noninteractive
	if $$sudo apt-get update -qq && $$sudo apt-get install -qq -y --no-install-recommends chromium; then exit; fi
	echo "make: the tests need the browser chromium on the PATH; install it: apt-get install chromium" >&2
	exit 1

# The lock makes a second make wait for the first instead of installing into the same folder.
env:
	@test -e $(STAMP) || flock Makefile $(MAKE) --no-print-directory install

install: $(STAMP)

$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
		echo "make: '$(PYTHON)' is no Python 3.11; give one: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	if [ -e $(INSTALLING) ]; then
		echo "$(VENV): an earlier installation was interrupted; making it anew"
		rm -rf $(VENV)
	fi
	mkdir -p $(VENV)
	touch $(INSTALLING)
	rm -f $(VENV)/.installed-*
	echo "$(VENV): installing the packages of $(LOCK) (6 GB, a few minutes)"
	[ -x $(BIN)/pip ] || $(PYTHON) -m venv $(VENV)
	# uv is several times as fast as pip; pip gives the same result where uv has no build.
	if $(BIN)/python -m pip install -q --require-hashes -r requirements/uv.lock; then
		$(BIN)/uv pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r $(LOCK) \
			--build-constraints $(LOCK)
	else
		$(BIN)/python -m pip install -q --compile --require-hashes -r $(LOCK)
	fi
	$(BIN)/python tools/install_detectron2.py
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	rm $(INSTALLING)
	touch $(STAMP)
	echo "$(VENV): ready"
