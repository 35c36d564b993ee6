"""What a request costs in a real Envoy: CPU time of the worker thread, side by side.

One Envoy with one worker, one listener for each variant, all with the same direct response. A run is
a second of load on one listener; its cost is the CPU time that the worker thread took meanwhile
(/proc/PID/task/TID/schedstat) by the requests that were answered. Every variant is warmed, then there
are rounds: each variant once a round, in shuffled order. Reported are the least figure, which is the
least disturbed one, and the median of the differences from the bare Envoy of the same round.
Precision is about 1.5 microseconds a row on a quiet machine. All requests of a row come from one caller, whom
Peergate knows again from the second one on. Only the standard library is used.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import floor
import load

CALLER = "spiffe://lab.test/ns/prod/sa/payments"
STRANGER = "spiffe://lab.test/ns/prod/sa/stranger"
PATH = "/v1/orders/7"
CONNECTIONS = 16
BARE = "bare Envoy"
ONE_HEADER = "SDK, one header read"
CERTIFICATE_ROW = "Peergate, certificate decoded"


def xfcc(caller):
    """A header as Envoy writes it, of 223 bytes for the caller."""
    return (
        "By=spiffe://lab.test/ns/edge/sa/ingress;Hash=" + "d345f6ded74ff6c5" * 4
        + ';Subject="CN=client-a,OU=Payments,O=XFCC Lab,C=US";URI=' + caller + ";DNS=payments.prod.svc"
    )


def with_certificate(caller, directory):
    """The same with the certificate of a new key, percent-encoded as Envoy does."""
    config = os.path.join(directory, "openssl.cnf")
    with open(config, "w", encoding="utf-8") as file:
        file.write("[req]\ndistinguished_name=name\nx509_extensions=leaf\nprompt=no\n[name]\nO=XFCC Lab\nCN=client-a\n"
                   f"[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectAltName=URI:{caller}\n")
    openssl = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-config", config, "-keyout", os.path.join(directory, "key.pem")]
    pem = subprocess.run(openssl, capture_output=True, text=True, check=True).stdout
    der = ssl.PEM_cert_to_DER_cert(pem)
    encoded = urllib.parse.quote(pem, safe="")
    return f'Hash={hashlib.sha256(der).hexdigest()};Cert="{encoded}";URI={caller}'


def identities(count):
    """Callers of whom the last one is the one that asks."""
    return [f"spiffe://lab.test/ns/prod/sa/svc-{index:06}" for index in range(count - 1)] + [CALLER]


# === variants ===

def wasm(module, name, configuration):
    return {"name": name, "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "config": {
            "name": name,
            "failure_policy": "FAIL_RELOAD",
            "vm_config": {"vm_id": name, "runtime": "envoy.wasm.runtime.v8",
                          "code": {"local": {"filename": os.path.abspath(module)}}},
            "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue",
                              "value": configuration},
        }}}


def peergate(module, name, allow, source=None):
    deployment = {"policy": {"version": 1, "name": "bench", "allow": allow}}
    if source is not None:
        deployment["source"] = source
    return wasm(module, f"peergate-{name}", json.dumps(deployment))


def one_rule(callers):
    return [{"name": "orders", "from": [{"spiffe": caller} for caller in callers],
             "methods": ["GET"], "paths": ["/v1/orders/{id}"]}]


def many_rules(count):
    """Rules of which the last one lets the caller in."""
    return [{"name": f"rule-{index}", "from": [{"spiffe": caller}],
             "methods": ["GET"], "paths": [f"/v1/orders-{index}/{{id}}" if caller != CALLER else "/v1/orders/{id}"]}
            for index, caller in enumerate(identities(count))]


def rbac(count):
    """The closest that Envoy has itself: a header that contains the text. It is not the same check: it
    also lets in names that go on after the text, and text that was injected."""
    header = "x-forwarded-client-cert"
    principals = [{"header": {"name": header, "string_match": {"contains": f"URI={caller};"}}}
                  for caller in identities(count)]
    rules = {"action": "ALLOW", "policies": {"p": {
        "permissions": [{"and_rules": {"rules": [
            {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
            {"url_path": {"path": {"prefix": "/v1/orders/"}}}]}}],
        "principals": principals}}}
    return {"name": "rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", "rules": rules}}


def rbac_tree(count):
    """A matcher tree looks the whole value up in a table. XFCC never is one name alone, so the caller
    is named by the header that the tree reads: the least that such a look-up costs."""
    action = {"name": "action", "typed_config": {
        "@type": "type.googleapis.com/envoy.config.rbac.v3.Action", "name": "allow", "action": "ALLOW"}}
    entries = {xfcc(caller): {"action": action} for caller in identities(count)}
    deny = {"action": {"name": "action", "typed_config": {
        "@type": "type.googleapis.com/envoy.config.rbac.v3.Action", "name": "deny", "action": "DENY"}}}
    return {"name": "rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "matcher": {"matcher_tree": {
            "input": {"name": "input", "typed_config": {
                "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                "header_name": "x-forwarded-client-cert"}},
            "exact_match_map": {"map": entries}}, "on_no_match": deny}}}


def lua():
    code = ("function envoy_on_request(handle)\n"
            "  local value = handle:headers():get('x-forwarded-client-cert')\n"
            f"  if not value or not string.find(value, 'URI={CALLER};', 1, true) then\n"
            "    handle:respond({[':status'] = '403'}, '')\n  end\nend\n")
    return {"name": "lua", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
        "default_source_code": {"inline_string": code}}}


def ext_authz():
    return {"name": "ext_authz", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "http_service": {"server_uri": {"uri": "http://authz", "cluster": "authz", "timeout": "5s"}},
        "allowed_headers": {"patterns": [{"exact": "x-forwarded-client-cert"}]}}}


def variants(arguments):
    """Name, filters, and whether a stranger is refused; each answers the same request."""
    module = arguments.peergate
    return [
        (BARE, [], False),
        ("Wasm floor, by hand", [wasm(arguments.floor, "floor", "")], False),
        ("SDK no-op", [wasm(arguments.noop, "noop", "")], False),
        (ONE_HEADER, [wasm(arguments.one_header, "one-header", "")], False),
        ("RBAC, 1 principal", [rbac(1)], True),
        ("RBAC, 1,000 principals", [rbac(1_000)], True),
        ("RBAC, matcher tree of 1,000", [rbac_tree(1_000)], True),
        ("Lua, string.find", [lua()], True),
        ("ext_authz, over HTTP", [ext_authz()], True),
        ("Peergate, 1 identity", [peergate(module, "1", one_rule(identities(1)))], True),
        ("Peergate, 1,000 identities", [peergate(module, "1000", one_rule(identities(1_000)))], True),
        ("Peergate, 100,000 identities", [peergate(module, "100000", one_rule(identities(100_000)))], True),
        ("Peergate, 1,000 rules", [peergate(module, "rules", many_rules(1_000))], True),
        (CERTIFICATE_ROW, [peergate(module, "cert", one_rule(identities(1)),
                                     {"preset": "envoy", "read": "certificate"})], True),
    ]


# === Envoy ===

def authz_cluster(port):
    return {"name": "authz", "type": "STATIC", "connect_timeout": "5s", "load_assignment": {
        "cluster_name": "authz", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {
            "socket_address": {"address": "127.0.0.1", "port_value": port}}}}]}]}}


def listener(name, filters):
    router = {"name": "router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
                 "HttpConnectionManager",
        "stat_prefix": "bench",
        "forward_client_cert_details": "ALWAYS_FORWARD_ONLY",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]}]},
        "http_filters": filters + [router],
    }
    return {"name": name, "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}]}


class Envoy:
    """One process with one worker; it ends with the block."""

    def __init__(self, binary, listeners, clusters=(), cpu=0):
        self.cpu = cpu
        self.directory = tempfile.mkdtemp(prefix="peergate-bench-")
        self.config = os.path.join(self.directory, "envoy.json")
        self.log = os.path.join(self.directory, "envoy.log")
        self.address_file = os.path.join(self.directory, "admin")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
                       "static_resources": {"listeners": listeners, "clusters": list(clusters)}}, file)
        self.binary = binary

    def __enter__(self):
        command = [self.binary, "-c", self.config, "--concurrency", "1", "--use-dynamic-base-id", "-l", "error",
                   "--admin-address-path", self.address_file]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True,
                                            preexec_fn=lambda: prefer(self.cpu))
        try:
            self.ports = self.wait()
            self.worker = self.find_worker()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def wait(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with open(self.address_file, encoding="utf-8") as file:
                    admin = "http://" + file.read().strip()
                urllib.request.urlopen(admin + "/ready", timeout=5).read()
                answer = json.load(urllib.request.urlopen(admin + "/listeners?format=json", timeout=5))
                return {own["name"]: own["local_address"]["socket_address"]["port_value"]
                        for own in answer["listener_statuses"]}
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        with open(self.log, encoding="utf-8", errors="replace") as log:
            raise SystemExit(f"bench: Envoy does not start:\n{log.read()[-2000:]}")

    def find_worker(self):
        tasks = f"/proc/{self.process.pid}/task"
        for thread in os.listdir(tasks):
            with open(f"{tasks}/{thread}/comm", encoding="utf-8") as file:
                if file.read().startswith("wrk:"):
                    return f"{tasks}/{thread}/schedstat"
        raise SystemExit("bench: Envoy has no worker thread")

    def resident(self):
        """Bytes of memory that the process takes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_ns(self):
        with open(self.worker, encoding="utf-8") as file:
            return int(file.read().split()[0])


def prefer(cpu):
    """A processor of one's own and a high priority, as far as this machine grants them."""
    cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cpus[cpu % len(cpus)]})
    for attempt in (lambda: os.nice(-15), raise_autogroup):
        try:
            attempt()
        except OSError:
            pass


def raise_autogroup():
    """Niceness does not count across sessions; that of the session's group does."""
    with open("/proc/self/autogroup", "w", encoding="utf-8") as file:
        file.write("-15")


# === load ===

def with_wrk(port, seconds, header):
    """Requests answered with 200 in that time."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s",
               "-H", f"x-forwarded-client-cert: {header}", f"http://127.0.0.1:{port}{PATH}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True,
                          preexec_fn=lambda: prefer(1))
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"bench: not every request was answered with 200:\n{done.stdout}")
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def with_own_client(port, seconds, header):
    command = [sys.executable, load.__file__, str(port), str(seconds), str(CONNECTIONS), PATH, header]
    done = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True,
                          preexec_fn=lambda: prefer(1))
    return int(done.stdout)


def measure(envoy, port, seconds, generate, header):
    """Microseconds of the worker's CPU time for a request, and how busy the worker was."""
    cpu, wall = envoy.cpu_ns(), time.monotonic_ns()
    requests = generate(port, seconds, header)
    cpu, wall = envoy.cpu_ns() - cpu, time.monotonic_ns() - wall
    return cpu / requests / 1_000, cpu / wall


# === memory ===

def memory(arguments):
    """What a further VM takes for its module and its policy: the difference between two listeners with
    VMs of their own and one, by the VMs of one, which are three: the main thread's two and a worker's."""
    print("\nMemory of one VM, Envoy's copies of the configuration included:")
    for count in (1, 1_000, 100_000):
        taken = []
        for copies in (1, 2):
            own = [peergate(arguments.peergate, f"{count}-{copy}", one_rule(identities(count))) for copy in range(copies)]
            with Envoy(arguments.envoy, [listener(f"l{at}", [own[at]]) for at in range(copies)]) as envoy:
                time.sleep(1)
                taken.append(envoy.resident())
        print(f"  {count:>7,} identities {(taken[1] - taken[0]) / 3 / 1e6:8.1f} MB")


# === report ===

def check_answers(envoy, all_variants, headers):
    """A variant that does not do what its row says would make the row worthless."""
    for name, _, guards in all_variants:
        caller, stranger = (load.ask(envoy.ports[name], PATH, header) for header in headers(name))
        if (caller, stranger) != (200, 403 if guards else 200):
            raise SystemExit(f"bench: {name} answers {caller} to the caller and {stranger} to a stranger")


def report(costs, names, discarded):
    least = {name: min(costs[name]) for name in names}
    unit = least[ONE_HEADER] - least[BARE]

    def paired(name):
        return statistics.median(own - bare for own, bare in zip(costs[name], costs[BARE]))

    print(f"{'':30} {'µs a request':>13} {'added, least':>13} {'added, median':>14} {'by bare':>8} {'by one header':>14}")
    for name in names:
        added = least[name] - least[BARE]
        ratio = "" if name == BARE or unit <= 0 else f"{added / unit:14.2f}"
        figures = "" if name == BARE else f"{added:13.1f} {paired(name):14.1f}"
        print(f"{name:30} {least[name]:13.1f} {figures:>28} {least[name] / least[BARE]:8.2f} {ratio:>14}")
    print(f"\n{len(costs[BARE])} rounds; {discarded} thrown away because the load did not keep the worker busy")
    print("'by bare': whole cost by that of a bare Envoy; 'by one header': added cost by that of the SDK filter that")
    print("reads one header. ext_authz without the time of the service that it asks. The row with a certificate has a")
    print("longer header, which a bare Envoy would pay for too. RBAC's matcher tree compares the whole header.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--envoy", required=True)
    parser.add_argument("--peergate", required=True, help="the filter's module")
    parser.add_argument("--noop", required=True, help="the no-op filter's module")
    parser.add_argument("--one-header", required=True, help="the module that reads one header")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not os.path.exists("/proc/self/schedstat"):
        raise SystemExit("bench: needs Linux with schedstat")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="peergate-bench-") as directory:
        arguments.floor = os.path.join(directory, "floor.wasm")
        with open(arguments.floor, "wb") as file:
            file.write(floor.module())
        plain = (xfcc(CALLER), xfcc(STRANGER))
        decoded = (with_certificate(CALLER, directory), with_certificate(STRANGER, directory))
        run(arguments, lambda name: decoded if name == CERTIFICATE_ROW else plain)
    memory(arguments)


def run(arguments, headers):
    all_variants = variants(arguments)
    names = [name for name, _, _ in all_variants]
    wrk = shutil.which("wrk") is not None
    generate = with_wrk if wrk else with_own_client
    with (Envoy(arguments.envoy, [listener("authz", [rbac(1)])], cpu=1) as authz,
          Envoy(arguments.envoy, [listener(name, filters) for name, filters, _ in all_variants],
                [authz_cluster(authz.ports["authz"])]) as envoy):
        check_answers(envoy, all_variants, headers)

        def cost(name, seconds):
            return measure(envoy, envoy.ports[name], seconds, generate, headers(name)[0])

        version = subprocess.run([arguments.envoy, "--version"], capture_output=True, text=True, check=True)
        print(f"{version.stdout.strip().split('version: ')[-1]}")
        print(f"{platform.machine()}, {os.cpu_count()} processors; load by {'wrk' if wrk else 'own client (no wrk)'}, "
              f"{CONNECTIONS} connections, a header of {len(xfcc(CALLER))} bytes, "
              f"with a certificate {len(headers(CERTIFICATE_ROW)[0])}; "
              f"the filter is {os.path.getsize(arguments.peergate):,} bytes\n")
        for name in names:
            cost(name, 1)
        order = random.Random(arguments.seed)
        costs, discarded = {name: [] for name in names}, 0
        while len(costs[BARE]) < arguments.rounds:
            shuffled = names[:]
            order.shuffle(shuffled)
            measured = {name: cost(name, arguments.seconds) for name in shuffled}
            # The service that ext_authz asks shares the load's processor, so that row leaves the worker idle.
            busy = min(busy for name, (_, busy) in measured.items() if not name.startswith("ext_authz"))
            # A client in Python never keeps the worker busy, and need not: the cost is CPU time.
            if wrk and busy < 0.5 and discarded < arguments.rounds:
                discarded += 1
                continue
            for name, (own, _) in measured.items():
                costs[name].append(own)
    report(costs, names, discarded)


if __name__ == "__main__":
    main()
