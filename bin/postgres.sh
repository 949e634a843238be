# Sourced by bin/test and bin/campaign: a private PostgreSQL in a temporary folder.

# Where its programs are; fails when there are none.
postgres_bin() {
  local folder found=
  for folder in /usr/lib/postgresql/*/bin; do
    [[ -x $folder/postgres && -x $folder/initdb ]] && found=$folder
  done
  if [[ -z $found ]] && command -v postgres >/dev/null && command -v initdb >/dev/null; then
    found=$(dirname "$(readlink -f "$(command -v postgres)")")
  fi
  [[ -n $found ]] && echo "$found"
}

# Starts a server below the folder, sets postgres_pid, and names the server in HANDSEL_TEST_POSTGRES. The shell
# script in HANDSEL_TEST_POSTGRES_RESTART lets it die and start again.
# Fails with the server's log on stderr.
start_postgres() {
  local work=$1 found port as=()
  found=$(postgres_bin)
  # PostgreSQL refuses to run as root.
  if [[ $(id -u) -eq 0 ]]; then
    id postgres >/dev/null 2>&1 || useradd --system --no-create-home postgres
    as=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
    chmod 711 "$work"
  fi
  mkdir "$work/postgres"
  [[ $(id -u) -eq 0 ]] && chown postgres "$work/postgres"
  "${as[@]}" "$found/initdb" -D "$work/postgres/data" -U handsel --auth=trust -E UTF8 --no-sync >/dev/null
  # Without fsync: its processes may be killed and lose nothing, only the machine may not, and databases
  # are made and dropped by the hundred.
  # A port that was free a moment ago may be taken by the time the server binds it: try again.
  for _ in 1 2 3 4 5; do
    port=$(( (RANDOM % 20000) + 20000 ))
    # A session of its own: Ctrl-C would end it before those who use it.
    setsid "${as[@]}" "$found/postgres" -D "$work/postgres/data" -k "$work/postgres" \
      -c listen_addresses=127.0.0.1 -p "$port" -c max_connections=300 -c fsync=off \
      >"$work/postgres.log" 2>&1 &
    postgres_pid=$!
    for _ in $(seq 1 150); do
      kill -0 "$postgres_pid" 2>/dev/null || break
      if "$found/pg_isready" -q -h 127.0.0.1 -p "$port" -U handsel -d postgres; then
        export HANDSEL_TEST_POSTGRES="postgres://handsel@127.0.0.1:$port/postgres"
        export HANDSEL_TEST_POSTGRES_RESTART=$work/restart-postgres
        printf 'exec %s\n' "${as[*]} $found/pg_ctl -D $work/postgres/data -m immediate -w -l /dev/null restart" \
          >"$HANDSEL_TEST_POSTGRES_RESTART"
        postgres_data=$work/postgres/data
        return 0
      fi
      sleep 0.2
    done
    kill "$postgres_pid" 2>/dev/null || true
    wait "$postgres_pid" 2>/dev/null || true
    postgres_pid=
  done
  cat "$work/postgres.log" >&2
  return 1
}

# Stops it again, if it was started, whatever process it is by now.
stop_postgres() {
  if [[ -n ${postgres_data:-} ]]; then
    local pid
    pid=$(head -1 "$postgres_data/postmaster.pid" 2>/dev/null) || return 0
    kill -INT "$pid" 2>/dev/null || true
    for _ in $(seq 1 300); do
      [[ -e $postgres_data/postmaster.pid ]] || break
      sleep 0.1
    done
    wait "${postgres_pid:-}" 2>/dev/null || true
  fi
}
