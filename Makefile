# make demo    from nothing to a reconstructed movie (the first build takes several minutes)
# make test    all tests
# make test-nwb  those of NWB files also against pynwb and nwbinspector (installs them for itself)
# make test-export  those of exports also against tifffile, numpy, h5py, pyarrow and matplotlib (installs them for itself)
# make test-slurm  job arrays on a Slurm of one node, which it installs and starts for itself (Debian, as root)
# make check   formatting and lints
# make bench   how fast it is; make bench-peer: against PyTorch (installs it for itself, several GB)
# make fuzz    damaged files against all readers, ten minutes; ARGS="--seconds 60" for less
# make setup   installs what the build needs (Debian); the targets above do this by themselves

# The build reads the videos with FFmpeg and the recordings with HDF5; clang makes FFmpeg's bindings.
PACKAGES := build-essential ca-certificates pkg-config clang libclang-dev libhdf5-dev libavutil-dev libavformat-dev \
	libavfilter-dev libavdevice-dev libavcodec-dev libswscale-dev libswresample-dev
# Debian's rustc is too old; the one it builds web browsers with, from its security updates, is not.
RUST_PACKAGES := rustc-web cargo-web rustfmt-web
RUST_VERSION := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
# rustup's own place, last: a shell that never read its profile finds cargo too.
export PATH := $(PATH):$(HOME)/.cargo/bin

# The Python that runs the peer, with PyTorch; made when not given.
V1REEL_PEER_PYTHON ?= $(abspath $(CARGO_TARGET_DIR))/peer/bin/python
# The Python that has pynwb and nwbinspector; made when not given.
V1REEL_NWB_PYTHON ?= $(abspath $(CARGO_TARGET_DIR))/nwb/bin/python
# The Python that has what exports are opened with; made when not given.
V1REEL_EXPORT_PYTHON ?= $(abspath $(CARGO_TARGET_DIR))/export/bin/python
BENCHES := movie_gradient training_step prediction loader

.PHONY: demo demo-train test test-nwb test-export test-slurm check format lint build setup bench bench-peer fuzz
.DEFAULT_GOAL := demo

demo: build
	$(CARGO_TARGET_DIR)/release/v1reel demo $(ARGS)

# With the tests: their dependencies change features of the others, and two builds would take twice as long.
build: setup
	cargo build --release --locked --bins --tests

test: setup
	cargo test --release --locked

test-nwb: setup $(V1REEL_NWB_PYTHON)
	V1REEL_NWB_PYTHON=$(V1REEL_NWB_PYTHON) cargo test --release --locked --test integration nwb

test-export: setup $(V1REEL_EXPORT_PYTHON) $(V1REEL_NWB_PYTHON)
	V1REEL_EXPORT_PYTHON=$(V1REEL_EXPORT_PYTHON) V1REEL_NWB_PYTHON=$(V1REEL_NWB_PYTHON) \
		cargo test --release --locked --test integration export

# One after the other: they start and kill machines of one node.
test-slurm: setup
	@for package in slurm-wlm munge; do \
		dpkg-query --show --showformat='$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed || missing=1; \
	done; \
	[ -z "$${missing:-}" ] || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
		apt-get -qq install --yes --no-install-recommends slurm-wlm munge >/dev/null; } \
		|| echo "make: Slurm can't be installed; its tests are skipped" >&2
	V1REEL_TEST_SLURM=1 cargo test --release --locked --test integration cluster::slurm -- --nocapture --test-threads 1

# Trains the demo's ensemble anew, 20 minutes on two cores; ARGS="--ship models/demo" to ship it.
demo-train: build
	$(CARGO_TARGET_DIR)/release/v1reel demo --train --run runs/demo-train $(ARGS)

bench: setup
	for bench in $(BENCHES) training_memory; do cargo bench --locked --bench $$bench -- $(ARGS) || exit 1; done

bench-peer: setup $(V1REEL_PEER_PYTHON)
	for bench in $(BENCHES); do \
		V1REEL_PEER_PYTHON=$(V1REEL_PEER_PYTHON) cargo bench --locked --bench $$bench -- $(ARGS) || exit 1; \
	done

fuzz: setup
	cargo bench --locked --bench damaged_files -- --seconds 600 $(ARGS)

$(abspath $(CARGO_TARGET_DIR))/peer/bin/python:
	@missing=$$(python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv); \
	[ -z "$$missing" ] || { echo "make: $$missing: missing; as root: apt-get install $$missing" >&2; exit 1; }
	python3 -m venv $(@D)/..
	$(@D)/pip install --quiet torch==2.9.0 numpy

$(abspath $(CARGO_TARGET_DIR))/nwb/bin/python:
	@missing=$$(python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv); \
	[ -z "$$missing" ] || { echo "make: $$missing: missing; as root: apt-get install $$missing" >&2; exit 1; }
	python3 -m venv $(@D)/..
	$(@D)/pip install --quiet pynwb nwbinspector

$(abspath $(CARGO_TARGET_DIR))/export/bin/python:
	@missing=$$(python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv); \
	[ -z "$$missing" ] || { echo "make: $$missing: missing; as root: apt-get install $$missing" >&2; exit 1; }
	python3 -m venv $(@D)/..
	$(@D)/pip install --quiet numpy tifffile h5py pyarrow matplotlib

check: format lint

format: setup
	cargo fmt --check

lint: setup
	cargo clippy --release --locked --all-targets -- -D warnings

# Says nothing and takes no time when all is there.
define SETUP
set -eu

missing_packages() {
	for package in $(PACKAGES); do
		dpkg-query --show --showformat='$${db:Status-Status}\n' "$$package" 2>/dev/null | grep -qx installed \
			|| printf ' %s' "$$package"
	done
}

# At least the version that Cargo.toml asks for; cargo and rustc come and go together.
enough() { [ -n "$$1" ] && printf '%s\n%s\n' "$(RUST_VERSION)" "$$1" | sort --check=quiet --version-sort; }

cargo_version() { cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'; }

as_root() {
	if [ "$$(id -u)" = 0 ]; then "$$@"
	elif command -v sudo >/dev/null; then sudo "$$@"
	else
		echo "make: $$missing: missing, and to install packages takes root. As root: apt-get install $$missing" >&2
		exit 1
	fi
}

updated=
install() {
	missing="$$*"
	echo "Installing $$missing"
	[ -n "$$updated" ] || as_root apt-get -qq update
	updated=yes
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $$missing >/dev/null
}

install_rust() {
	found=$$(cargo_version)
	echo "Rust $(RUST_VERSION) or newer is needed; found: $${found:-none}"
	if command -v rustup >/dev/null; then
		# For this folder only; other projects keep their compiler.
		rustup toolchain install $(RUST_VERSION) --profile minimal --component rustfmt --component clippy || true
		rustup override set $(RUST_VERSION) || true
	elif command -v apt-get >/dev/null && [ "$$(command -v cargo || echo /usr/bin/cargo)" = /usr/bin/cargo ]; then
		as_root apt-get -qq update
		updated=yes
		candidate=$$(apt-cache policy cargo-web | sed -n 's/^  Candidate: \([0-9.]*\).*/\1/p')
		if enough "$$candidate"; then install $(RUST_PACKAGES); fi
	fi
	if ! enough "$$(cargo_version)"; then
		echo "make: no Rust of version $(RUST_VERSION) or newer could be installed (found: $${found:-none})." >&2
		echo "Install one by the instructions at https://rustup.rs, or \`rustup update stable\`; then run make again." >&2
		exit 1
	fi
}

if command -v dpkg-query >/dev/null; then
	missing=$$(missing_packages)
	[ -z "$$missing" ] || install $$missing
elif ! pkg-config --exists libavutil libavformat libavfilter libavdevice libavcodec libswscale libswresample; then
	echo "make: not Debian; install what these Debian packages hold: $(PACKAGES)" >&2
	exit 1
fi
enough "$$(cargo_version)" || install_rust
endef
export SETUP

setup:
	@sh -c "$$SETUP"
