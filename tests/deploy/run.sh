#!/bin/sh
# Runs the tests of the examples for operators. The schemas that the manifests are held against come from
# npm, into this folder; without the registry those tests are skipped, loudly, and the others run.
set -eu
cd "$(dirname "$0")"

# A copy of the lock file says what is installed.
if ! cmp -s package-lock.json node_modules/.peergate-lock; then
    if npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null; then
        cp package-lock.json node_modules/.peergate-lock
    else
        rm -rf node_modules
        {
            echo
            echo "*** deploy-test: npm could not install the published schemas (see above)."
            echo "*** SKIPPED: the manifests of examples/istio and examples/envoy-gateway, and the queries of"
            echo "*** examples/observability, are NOT held against anything in this run."
            echo
        } >&2
    fi
fi
exec node --test --test-reporter=spec .
