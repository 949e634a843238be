# Sourced. The fuzzer of the APIs, for Python.

# Installs what e2e/schemathesis/requirements.txt names into a folder of the target folder, if it is not there, and
# says what is missing. Debian's packages are installed where we may.
install_schemathesis() {
  local lock=e2e/schemathesis/requirements.txt folder
  folder=${CARGO_TARGET_DIR:-target}/schemathesis/$(sha256sum "$lock" | cut -c1-16)
  [[ -e $folder/.installed ]] && return
  if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
    if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
    else
      echo "python3-venv is missing; install it, for example with: sudo apt-get install python3-venv" >&2
      return 1
    fi
  fi
  rm -rf "$folder"
  python3 -m venv "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r "$lock" &&
    touch "$folder/.installed"
}
