#!/usr/bin/env bash
# Installs what tests talk to and use: Postfix, Dovecot, systemd to check its unit, a browser, Neovim, curl and jq, from Debian's packages. The MongoDB server is
# unpacked by internal/peers/mongo/start.sh when it is first started. Where this user may not install, it says
# what to install and goes on: those tests then skip, or fail in CI.
set -euo pipefail

missing=()
command -v postfix >/dev/null || [ -x /usr/sbin/postfix ] || missing+=(postfix)
[ -x /usr/lib/dovecot/imap ] || missing+=(dovecot-imapd)
[ -x /usr/lib/dovecot/pop3 ] || missing+=(dovecot-pop3d)
command -v systemd-analyze >/dev/null || missing+=(systemd)
# A browser, which shows hostile mail, and an editor, which is helped with rules: where they cannot be had those tests skip.
optional=()
command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || optional=(chromium-headless-shell)
command -v nvim >/dev/null || optional+=(neovim)
for tool in curl jq; do # docs/rules.md shows them, and a test does what it shows
	command -v $tool >/dev/null || optional+=($tool)
done
[ ${#missing[@]} = 0 ] && [ ${#optional[@]} = 0 ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	missing+=("${optional[@]}")
	echo "tests of real servers need: ${missing[*]} (Debian: apt-get install ${missing[*]}); without them they skip" >&2
	exit 0
fi
# Nothing that is installed here is started as a service: the tests start their own, on free ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
	trap 'rm -f "$policy"' EXIT
fi
install() { DEBIAN_FRONTEND=noninteractive timeout 300 apt-get -q install -y --no-install-recommends "$@" >/dev/null; }
apt-get -q update >/dev/null || true
[ ${#missing[@]} = 0 ] || install "${missing[@]}" || echo "could not install ${missing[*]}: the tests that need them say so" >&2
[ ${#optional[@]} = 0 ] || install "${optional[@]}" || echo "could not install ${optional[*]}: their tests skip" >&2
