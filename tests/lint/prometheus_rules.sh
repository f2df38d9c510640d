#!/usr/bin/env bash
# promtool accepts the alert rules and the sample settings, and each alert fires when it should, and
# only then: prometheus_alerts.yml has a case for each.
set -euo pipefail
cd "$(dirname "$0")/../.."
rules=docs/deploy/prometheus/usher.rules.yml
promtool check config --lint=all --lint-fatal docs/deploy/prometheus/prometheus.yml
promtool check rules --lint=all --lint-fatal "$rules"
promtool test rules tests/lint/prometheus_alerts.yml
for alert in $(sed -n 's/^ *- alert: //p' "$rules"); do
	grep -q "name: $alert\$" tests/lint/prometheus_alerts.yml || {
		echo "prometheus_alerts.yml has no case for $alert"
		exit 1
	}
done
python3 -m json.tool docs/deploy/grafana/usher.json >/dev/null
