#!/usr/bin/env bash
# Installs what tests talk to and use: Postfix, Dovecot, Exim, systemd to check its unit, a browser, Neovim, curl and jq, from Debian's packages. The MongoDB server is
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
# Exim, which Debian does not install beside Postfix, is only unpacked; it asks for its user whenever it starts.
exim=${TMPDIR:-/tmp}/exim-for-tests
unpacked() { [ -x "$exim/usr/sbin/exim4" ] && getent passwd Debian-exim >/dev/null; }
[ ${#missing[@]} = 0 ] && [ ${#optional[@]} = 0 ] && { unpacked || [ "$(id -u)" != 0 ]; } && exit 0

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
unpack_exim() (
	mkdir -p "$exim" && cd "$exim"
	install libidn12
	timeout 120 apt-get -q download exim4-daemon-light >/dev/null 2>&1
	dpkg -x exim4-daemon-light_*.deb .
	rm -f ./*.deb
	chmod u-s usr/sbin/exim4 # it runs as its user
	getent passwd Debian-exim >/dev/null || useradd --system --user-group --no-create-home --home-dir /var/spool/exim4 --shell /usr/sbin/nologin Debian-exim
)
unpacked || unpack_exim || echo "could not unpack exim4-daemon-light: its test skips" >&2
