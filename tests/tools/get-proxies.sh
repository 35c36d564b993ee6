#!/bin/sh
# get-proxies.sh nginx|haproxy|httpd|caddy|promtool: prints the command that runs this proxy (or the reader
# of alert rules), then, for httpd, the folder of its modules. What is on PATH is taken; else the distribution's package is unpacked into
# .proxies/ of this checkout. Nothing is installed, so no service starts, and no root is needed.
# Nothing else is written to stdout; when there is no such proxy, the reason goes to stderr.
set -eu

proxy=${1:?which proxy?}
root=$(cd "$(dirname "$0")/../.." && pwd)
home="$root/.proxies/$proxy"

fail() {
    echo "get-proxies: $1" >&2
    exit 1
}

case $proxy in
nginx) package=nginx commands=nginx ;;
haproxy) package=haproxy commands=haproxy ;;
httpd) package=apache2-bin commands='apache2 httpd' ;;
caddy) package=caddy commands=caddy ;;
promtool) package=prometheus commands=promtool ;;
*) fail "no proxy of this name: $proxy" ;;
esac

# The command, and the modules that belong to it.
print() {
    echo "$1"
    [ "$proxy" = httpd ] || return 0
    for modules in "${2:-}/usr/lib/apache2/modules" /usr/lib64/httpd/modules /usr/lib/httpd/modules \
        /usr/libexec/apache2 /usr/local/apache2/modules; do
        [ -e "$modules/mod_ssl.so" ] || continue
        echo "$modules"
        return 0
    done
    fail "$1 has no mod_ssl"
}

for command in $commands; do
    if path=$(PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$command"); then
        print "$path"
        exit 0
    fi
done
if [ -x "$home/run" ]; then
    print "$home/run" "$home"
    exit 0
fi
for tool in apt-get dpkg; do
    command -v "$tool" >/dev/null 2>&1 \
        || fail "no '$proxy' on PATH, and no '$tool' to unpack the package $package with"
done

# Into a folder of our own first, then renamed whole: a broken download never looks complete.
mkdir -p "$root/.proxies"
fresh=$(mktemp -d "$root/.proxies/fresh.XXXXXX")
trap 'rm -rf "$fresh"' EXIT
trap 'exit 130' INT TERM

# Lists of packages of our own where the system's are missing or too old for the archive.
lists() {
    state="$root/.proxies/apt"
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    set -- -o "Dir::State::lists=$state/lists" -o "Dir::Cache=$state/cache"
    [ -e "$state/updated" ] || apt-get "$@" -qq update || return 1
    : >"$state/updated"
    echo "$@"
}

# The package, and of what it depends on all that this system has not.
download() {
    wanted=$(apt-get "$@" -qq -y --no-install-recommends --print-uris install "$package") || return 1
    wanted=$(echo "$wanted" | sed -n "s/^'[^']*' \([^_ ]*\)_.*/\1/p")
    [ -n "$wanted" ] || return 1
    # Words, one a package.
    # shellcheck disable=SC2086
    (cd "$fresh" && apt-get "$@" -qq -o APT::Sandbox::User=root download $wanted)
}

# No path of an option has a space in it unless this checkout's has, and then apt says so.
# shellcheck disable=SC2046
download >"$fresh/log" 2>&1 || download $(lists 2>>"$fresh/log") >>"$fresh/log" 2>&1 || {
    tail -n 5 "$fresh/log" >&2
    fail "apt cannot download $package"
}
mkdir "$fresh/root"
for deb in "$fresh"/*.deb; do
    dpkg -x "$deb" "$fresh/root" || fail "cannot unpack $deb"
done
binary=
for command in $commands; do
    for folder in usr/sbin usr/bin; do
        [ -x "$fresh/root/$folder/$command" ] && binary=$folder/$command
    done
done
[ -n "$binary" ] || fail "$package holds no $proxy"
cat >"$fresh/root/run" <<RUN
#!/bin/sh
home=\$(cd "\$(dirname "\$0")" && pwd)
for folder in "\$home"/usr/lib/*-linux-* "\$home"/usr/lib; do
    LD_LIBRARY_PATH=\$folder\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
done
export LD_LIBRARY_PATH
exec "\$home/$binary" "\$@"
RUN
chmod +x "$fresh/root/run"
if [ ! -e "$home" ]; then
    mv "$fresh/root" "$home" 2>/dev/null || [ -x "$home/run" ] || fail "cannot write $home"
fi
print "$home/run" "$home"
