# make run     start Postern on the embedded default
# make check   everything that must hold: format, vet, staticcheck, all tests with the race detector, real servers
# make build test bench crash fuzz quality docs   see below

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
N ?= 50
T ?= 1m

.PHONY: run build test check peers lint bench crash fuzz quality quality-test docs

run:
	go run ./cmd/postern serve

build:
	go build -trimpath -o bin/postern ./cmd/postern

# Needs nothing but Go: tests of real servers that are not here skip and say what to install.
test:
	go test ./...

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

# Installs the real servers that tests talk to, where this machine and user may (Debian, root).
peers:
	bash internal/peers/install.sh

check: peers lint quality-test
	go test ./dsl
	go test ./rules -run 'Hostile|MissAllocates'
	go test ./receiver/webhook -run 'Large|Memory|Cheap|Streams'
	bash internal/peers/with-mongo.sh go test -race -timeout 15m ./...

# Messages a second, acknowledgement times, CPU and memory beside a bare server, on MongoDB, and beside Mailpit where
# the Go module proxy serves it: docs/performance.md.
bench:
	GOBIN=$(CURDIR)/bin go install github.com/axllent/mailpit@v1.33.1 || echo "Mailpit is not to be had here: it is left out" >&2
	bash internal/peers/with-mongo.sh go run ./internal/bench $$(test -x bin/mailpit && echo -mailpit bin/mailpit) $(BENCH)
	go test ./internal/bench -run '^$$' -bench Poll -benchtime 1x

# SIGKILL at random moments under load: make crash N=1000
crash:
	bash internal/peers/with-mongo.sh go test -count=1 -timeout 0 -run 'TestCrash' ./internal/crash -crash.n=$(N)

# Each fuzz target for T: make fuzz T=15m
fuzz:
	@for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz || true); do \
	    echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(T) $$pkg; \
	  done; \
	done

# What is understood of the cases set aside and of public sets of mail, beside enmime and go-message: docs/quality.md.
# make quality QUALITY=-write puts the figures there.
quality:
	cd internal/quality && go run . $(QUALITY)

# The same over the open cases, and the measuring itself. It is left out where the modules of the others are not to be had.
quality-test:
	@lint="$$(go tool -n staticcheck)"; cd internal/quality; go mod download || { echo "not measured beside others: their modules are not to be had" >&2; exit 0; }; \
	go vet ./... && "$$lint" ./... && go test ./... && go run . -open

# What is written from the code: configuration, its schema, the command line.
docs:
	go test ./internal/config ./cmd/postern -run Generated -update
