#!/usr/bin/env bash
# Runs a command with a MongoDB server for tests at POSTERN_TEST_MONGODB_URI, started for it and ended after it.
# A server that the variable already names is used as it is. Where none can be started the command runs without: its tests
# then skip and say what to install, or fail in CI.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

if [ -z "${POSTERN_TEST_MONGODB_URI:-}" ]; then
	if uri=$(bash "$here/mongo/start.sh" start); then
		export POSTERN_TEST_MONGODB_URI=$uri
		port=${uri##*:}
		trap 'bash "$here/mongo/start.sh" stop "${port%/}"' EXIT
	else
		echo "no MongoDB server could be started for the tests (it needs root, apt-get and go)" >&2
	fi
fi
"$@"
