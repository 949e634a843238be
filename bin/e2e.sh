# Sourced. The official clients that tests use, for Node.js.

# Installs what e2e/package-lock.json names, if it is not there, and says what is missing. Debian's packages are
# installed where we may.
install_e2e() {
  if ! command -v npm >/dev/null; then
    if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null
    else
      echo "npm is missing; install it, for example with: sudo apt-get install nodejs npm" >&2
      return 1
    fi
  fi
  if [[ $(node --version) =~ ^v([0-9]+) && ${BASH_REMATCH[1]} -lt 18 ]]; then
    echo "Node.js is older than 18; the official client for Socket.IO needs a newer one" >&2
    return 1
  fi
  if ! cmp -s e2e/package-lock.json e2e/node_modules/.installed; then
    (cd e2e && npm ci --loglevel=error) && cp e2e/package-lock.json e2e/node_modules/.installed
  fi
}
