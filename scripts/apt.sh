# shellcheck shell=bash
# Debian packages, for scripts/lib.sh and scripts/servers. Sourced.

# apt_install PACKAGE...: as root, or by a sudo that asks for no password.
apt_install() {
    local as_root=()
    command -v apt-get >/dev/null || { echo "no apt-get here: install $* yourself"; return 1; }
    if [[ $(id -u) != 0 ]]; then
        sudo -n true 2>/dev/null || { echo "neither root nor sudo without a password: install $* yourself"; return 1; }
        as_root=(sudo -n)
    fi
    if [[ -z ${package_lists_are_fresh:-} ]]; then
        "${as_root[@]}" apt-get update -qq && package_lists_are_fresh=yes
    fi
    # The runlevel says that the packages' own services are not wanted.
    "${as_root[@]}" env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
}
