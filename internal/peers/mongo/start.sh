#!/usr/bin/env bash
# A MongoDB-compatible server for tests, from Debian packages and one Go module:
# PostgreSQL 18 with Microsoft's DocumentDB extension (Debian testing), in a private
# root of its own, and FerretDB v2 in front of it, on 127.0.0.1 only.
#
#   start.sh start [PORT]   install what is missing, start, print the URI (PORT absent or 0: a free one)
#   start.sh stop PORT      end what start began, by pid, and remove its data
#   start.sh halt PORT      end the server's processes at once, as a kill does; its data stays
#   start.sh resume PORT    start it again on its port and its data
#
# MONGO_OWNER  a process: when it is gone, the server stops and its data goes (a test that was killed leaves nothing)
# MONGO_DIR    where everything lives (default ${TMPDIR:-/tmp}/mongo-for-tests; at most 60 characters)
# MONGO_FAST   set to 1: no fsync, a third faster on one connection; a killed server loses nothing, a machine that stops does.
#              (Full pages stay on: without them the document indexes do not survive a kill.)
# MONGO_SUITE  Debian suite with postgresql-$MONGO_PG-documentdb (default forky; sid has it too)
#
# Needs root (chroot), apt-get, go. The machine's own packages are not touched.
set -euo pipefail

dir=${MONGO_DIR:-${TMPDIR:-/tmp}/mongo-for-tests}
suite=${MONGO_SUITE:-forky}
pg=${MONGO_PG:-18}
gateway=github.com/FerretDB/FerretDB/v2/cmd/ferretdb@v2.7.0
uid=65534
root=$dir/root
bin=/usr/lib/postgresql/$pg/bin

inside() { chroot --userspec="$uid:$uid" "$root" "$@"; }

# Debian's packages, unpacked (not installed) into $root by apt's own resolver over an empty status file.
install_server() {
	[ -e "$root/.ready" ] && return
	rm -rf "$root"
	mkdir -p "$dir"/apt/{lists,archives}/partial "$root"
	: >"$dir/apt/status"
	local mirror
	[ -n "$(apt-get indextargets)" ] || apt-get -q update >"$dir/apt/log" 2>&1
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$dir/apt/sources.list"
	local apt=(apt-get -q -y
		-o "Dir::Etc::SourceList=$dir/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::Etc::Preferences=- -o Dir::Etc::PreferencesParts=-
		-o "Dir::State::Lists=$dir/apt/lists" -o "Dir::State::status=$dir/apt/status" -o "Dir::State::extended_states=$dir/apt/extended"
		-o "Dir::Cache=$dir/apt" -o "Dir::Cache::archives=$dir/apt/archives"
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none)
	"${apt[@]}" update >"$dir/apt/log" 2>&1 || { tail "$dir/apt/log" >&2; return 1; }
	"${apt[@]}" --download-only install "postgresql-$pg-documentdb" dash libc-bin >>"$dir/apt/log" 2>&1 || { tail "$dir/apt/log" >&2; return 1; }
	printf '%s\0' "$dir"/apt/archives/*.deb | xargs -0 -n1 -P2 sh -c '
		dpkg-deb --fsys-tarfile "$1" | tar -x -C "$0" --keep-directory-symlink --no-same-owner \
			--exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale --exclude="*/bitcode"' "$root"

	# What the packages' own scripts would have done, as far as the server needs it.
	local d
	for d in bin sbin lib lib64; do [ -e "$root/$d" ] || ln -s "usr/$d" "$root/$d"; done
	ln -sf postgis-3.control "$root/usr/share/postgresql/$pg/extension/postgis.control"
	mkdir -p "$root"/{dev/shm,etc,tmp,run,pg}
	chmod 1777 "$root/tmp" "$root/dev/shm"
	chown "$uid:$uid" "$root/run" "$root/pg"
	mknod -m 666 "$root/dev/null" c 1 3
	mknod -m 666 "$root/dev/urandom" c 1 9
	printf 'root:x:0:0::/:/bin/sh\npostgres:x:%s:%s::/pg:/bin/sh\n' "$uid" "$uid" >"$root/etc/passwd"
	chroot "$root" /sbin/ldconfig

	inside "$bin/initdb" -D /pg/template -A trust -U postgres -E UTF8 --no-locale --no-instructions --no-sync >"$dir/initdb.log" 2>&1 || { tail "$dir/initdb.log" >&2; return 1; }
	cat >>"$root/pg/template/postgresql.conf" <<-'CONF'
		listen_addresses = ''
		max_connections = 200
		shared_buffers = 256MB
		jit = off
		deadlock_timeout = 50ms
		random_page_cost = 1.1
		autovacuum_naptime = 2s
		autovacuum_analyze_threshold = 50
		shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
		cron.database_name = 'postgres'
		cron.log_run = off
		cron.log_statement = off
		documentdb.enableCompositeIndexPlanner = on
		include_if_exists = 'instance.conf'
	CONF
	instance template
	inside "$bin/pg_ctl" -D /pg/template -l /pg/template/server.log -w start >/dev/null
	inside "$bin/psql" -X -q -h /run/template -U postgres -c 'SET client_min_messages = warning; CREATE EXTENSION documentdb CASCADE'
	inside "$bin/pg_ctl" -D /pg/template -w -m fast stop >/dev/null
	rm -rf "$dir/apt/archives"
	touch "$root/.ready"
}

# instance NAME writes what differs between one data directory and another: where its socket is.
instance() {
	install -d -o "$uid" -g "$uid" "$root/run/$1"
	{
		echo "unix_socket_directories = '/run/$1'"
		echo "cron.host = '/run/$1'"
		echo "documentdb.localhost_connection_string = 'host=/run/$1'"
		[ "${MONGO_FAST:-}" = 1 ] && echo 'fsync = off'
		true
	} >"$root/pg/$1/instance.conf"
}

install_gateway() {
	[ -x "$dir/bin/ferretdb" ] || GOBIN=$dir/bin GOFLAGS= go install "$gateway" >"$dir/gateway-build.log" 2>&1 || { tail "$dir/gateway-build.log" >&2; return 1; }
}

free_port() {
	local p
	for _ in $(seq 50); do
		p=$((20000 + RANDOM % 12000)) # below the ports that the system gives to others
		(exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null || { echo "$p"; return; }
	done
	return 1
}

start() {
	local port=${1:-0} work
	[ "$port" = 0 ] && port=$(free_port)
	mkdir -p "$dir"
	exec 9>"$dir/lock" && flock 9
	install_server
	install_gateway
	flock -u 9
	exec 9>&-
	work=$dir/$port
	mkdir "$work" || { echo "start.sh: port $port is in use: stop it first" >&2; return 1; }
	cp -a "$root/pg/template" "$root/pg/$port"
	instance "$port"
	database "$port"
	inside "$bin/psql" -X -q -h "/run/$port" -U postgres -c "UPDATE cron.job SET nodename = '/run/$port'" # TTL: once a minute
	listen "$port"
	if [ -n "${MONGO_OWNER:-}" ]; then
		MONGO_DIR=$dir setsid bash "$0" watch "$port" "$MONGO_OWNER" </dev/null >/dev/null 2>&1 &
	fi
	echo "mongodb://127.0.0.1:$port/"
}

database() {
	inside "$bin/pg_ctl" -D "/pg/$1" -l "/pg/$1/server.log" -w start >/dev/null || { tail "$root/pg/$1/server.log" >&2; return 1; }
}

# listen starts the gateway and waits until it answers.
listen() {
	local port=$1 work=$dir/$1
	setsid "$dir/bin/ferretdb" --listen-addr="127.0.0.1:$port" --debug-addr=- --state-dir="$work" --no-auth --telemetry=disable --log-level=warn \
		--postgresql-url="postgres://postgres@/postgres?host=$root/run/$port&pool_max_conns=64" </dev/null >>"$work/gateway.log" 2>&1 &
	echo $! >"$work/gateway.pid"
	for _ in $(seq 100); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
		kill -0 "$(cat "$work/gateway.pid")" 2>/dev/null || break
		sleep 0.1
	done
	tail "$work/gateway.log" >&2
	return 1
}

halt() {
	local pid
	pid=$(cat "$dir/$1/gateway.pid") && kill -9 "$pid" 2>/dev/null || true
	inside "$bin/pg_ctl" -D "/pg/$1" -w -m immediate stop >/dev/null || true
}

resume() {
	database "$1"
	listen "$1"
	echo "mongodb://127.0.0.1:$1/"
}

# watch ends a server when its owner is gone, and itself when the server is.
watch() {
	while [ -d "$dir/$1" ]; do
		kill -0 "$2" 2>/dev/null || { stop "$1"; return; }
		sleep 2
	done
}

stop() {
	local port=$1 work=$dir/$1 pid
	pid=$(cat "$work/gateway.pid") && kill "$pid" 2>/dev/null || true
	inside "$bin/pg_ctl" -D "/pg/$port" -w -m immediate stop >/dev/null || true
	rm -rf "$work" "${root:?}/pg/$port" "$root/run/$port"
}

case ${1:-} in
start) start "${2:-0}" ;;
stop | halt | resume) "$1" "${2:?port}" ;;
watch) watch "${2:?port}" "${3:?process}" ;;
*) sed -n '2,19s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
