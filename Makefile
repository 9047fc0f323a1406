# An index of what can be done here; each target is a few lines, the work is in Go.
SHELL := /bin/sh
GO ?= go
EDITION ?= standard
VERSION := $(shell cat VERSION)
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS := -s -w -X debvisor/internal/version.Version=$(VERSION) -X debvisor/internal/version.Commit=$(COMMIT)
export CGO_ENABLED = 0
BUILD := $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)'

.PHONY: help check-go modules build collection iso emulator boot unit check test lab molecule e2e-power e2e-dns bench bench-blocklist clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /  \1\t/p' Makefile | expand -t 18

check-go: # the one prerequisite
	@GO='$(GO)' tools/check-go

modules: check-go ## the Ansible modules: one binary an architecture, of 6 MB at most
	for arch in amd64 arm64; do GOOS=linux GOARCH=$$arch $(BUILD) -o build/modules/debvisor-modules-linux-$$arch ./modules || exit; done
	@test -z "$$(find build/modules -type f -size +6000000c | tee -a /dev/stderr)" || { echo 'above: larger than 6 MB, which every new node is sent' >&2; exit 1; }
	cp build/modules/debvisor-modules-linux-* builder/payload/bin/
	GO='$(GO)' tools/notices ./modules > builder/payload/bin/debvisor-modules.notices

build: modules ## the commands, in build/bin
	$(BUILD) -o builder/payload/bin/ ./cmd/debvisor ./cmd/debvisor-firstboot ./cmd/debvisor-installer ./cmd/debvisor-cluster-name
	GO='$(GO)' tools/notices ./modules ./cmd/debvisor ./cmd/debvisor-firstboot ./cmd/debvisor-installer ./cmd/debvisor-cluster-name > builder/payload/bin/debvisor.notices
	$(BUILD) -o build/bin/ ./cmd/debvisor-builder

collection: build ## the Ansible collection debvisor.core: a tarball, and a directory for playbooks in this clone
	build/bin/debvisor-builder collection --dir build --clone .

iso: build ## a signed installer image (as root); EDITION=minimal for the small one
	tools/apt-need tools/iso.packages
	build/bin/debvisor-builder build --edition $(EDITION) --dir build

emulator: ## QEMU and UEFI firmware, which boot needs (as root)
	tools/apt-need tools/boot.packages

boot: emulator ## boot the newest image in QEMU, on this terminal
	build/bin/debvisor-builder boot "$$(ls -t build/debvisor-*.iso | head -n 1)"

unit: check-go ## tests that need no root, in under a minute
	$(GO) test ./...

check: check-go ## gofmt, vet, staticcheck
	@test -z "$$(gofmt -l . | tee -a /dev/stderr)"
	$(GO) vet ./... && $(GO) tool staticcheck ./...

# Machines under emulation get the processors for themselves: whatever runs beside them makes them miss what they wait for.
TESTS = DEBVISOR_QEMU=1 DEBVISOR_E2E=1 DEBVISOR_BOOT_ROOT="$$(ls -td $$PWD/build/cache/root-minimal-* | head -n 1)" \
	$(GO) test -count=1 -timeout 60m -json

test: check ## everything: builds the minimal edition, installs it in QEMU, applies roles to lab nodes (as root)
	tools/apt-need tools/test.packages
	$(MAKE) iso molecule EDITION=minimal
	{ $(TESTS) $$($(GO) list ./... | grep -v /testing/e2e) && $(TESTS) ./testing/e2e; } | $(GO) run ./testing/tally -strict

lab: check-go ## three nodes to try roles and modules on, until Ctrl-C (as root; after make iso EDITION=minimal)
	$(BUILD) -o build/bin/ ./testing/lab/cmd/debvisor-lab
	build/bin/debvisor-lab up --nodes 3 --control

molecule: collection ## every role's Molecule scenarios, on nodes of a lab (as root; after make iso EDITION=minimal)
	$(GO) run ./testing/molecule

e2e-power: ## cut the power in the middle of an installation (as root; after make test)
	DEBVISOR_E2E=1 DEBVISOR_E2E_POWER=1 $(GO) test -count=1 -timeout 30m -v -run TestPowerCut ./testing/e2e

# One package at a time: what is measured is how fast nodes notice that others are gone.
e2e-dns: ## the pair of name servers and the rotation of keys, everything 20 times, and the times of failover (as root; after make test)
	DEBVISOR_E2E_DNS=1 $(GO) test -count=1 -timeout 90m -p 1 -v ./testing/dnsha ./testing/dnspair ./internal/dns/rotation

bench: iso collection ## sizes and times beside other tools', into build/bench (as root)
	tools/apt-need tools/bench.packages
	$(MAKE) iso EDITION=minimal # nodes to run tasks on are made of it
	$(GO) run ./testing/bench -edition $(EDITION)

bench-blocklist: build ## of these only what the blocklist does
	tools/apt-need tools/bench.packages
	$(GO) run ./testing/bench -only blocklist

clean: ## remove what was built, keep downloads
	rm -rf build/*.iso* build/bin build/SHA256SUMS* builder/payload/bin/debvisor* build/modules build/collections build/*.tar.gz
