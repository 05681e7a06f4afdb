"""How fast do templates render? Five templates, renders per CPU second, beside Go's text/template in the same run.

    python benchmarks/template.py [seconds per measurement]

"cached" is what the operator does: the template was compiled before. "first use" parses and compiles each time. Go stands
beside it twice: parsing at every render, as ESO does, and parsed already. The ratio is cached / Go's parse + render; above 1
is the budget.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from eso.template import FUNCTIONS, Limits, MissingKey, render
from eso.template.engine import compile_source
from eso.template.gotext.values import StringMap
from eso.template.limits import Budget
from tests.support.gooracle import GoOracle, available, build

BLOCK = "MIIBzzCCAXSgAwIBAgIUU1/dAm+Dq7/ywagHyqhTD8f62cEwCgYIKoZIzj0EAwIw\n" * 12
PEM = "".join(
    [f"-----BEGIN {kind}-----\n{BLOCK}-----END {kind}-----\n" for kind in ("PRIVATE KEY", "CERTIFICATE", "CERTIFICATE")]
)
DATA = {
    "user": "admin", "password": "s3cr3t!/with?chars", "host": "db.example.com", "port": "5432", "name": "orders", "tls": "true",
    "hosts": "a.example.com,b.example.com,c.example.com", "registry": "registry.example.com", "email": "ops@example.com", "bundle": PEM,
}  # fmt: skip

YAML = """\
server:
  host: {{ .host }}
  port: {{ .port }}
{{- if eq .tls "true" }}
  tls:
    enabled: true
    minVersion: "1.3"
{{- else }}
  tls:
    enabled: false
{{- end }}
database:
  user: {{ .user | quote }}
  password: {{ .password | quote }}
  name: {{ .name }}
  pool:
    min: 1
    max: 10
replicas:
{{- range $i, $host := splitList "," .hosts }}
  - name: replica-{{ $i }}
    host: {{ $host | trim }}
    port: {{ $.port }}
    {{- if eq $i 0 }}
    primary: true
    {{- end }}
    url: {{ printf "postgres://%s:%s@%s:%s/%s" $.user ($.password | urlquery) $host $.port $.name }}
{{- end }}
logging:
  level: info
  format: json
{{- with .email }}
contact: {{ . | lower }}
{{- end }}
features:
{{- range $k, $v := dict "cache" true "metrics" true "tracing" false }}
  {{ $k }}: {{ $v }}
{{- end }}
labels:
  app: {{ .name | upper }}
"""

TEMPLATES = {
    "one field": "{{ .password }}",
    "connection string": "postgres://{{ .user }}:{{ .password | urlquery }}@{{ .host }}:{{ .port }}/{{ .name }}?sslmode=require",
    "docker config": (
        '{"auths":{"{{ .registry }}":{"username":"{{ .user }}","password":"{{ .password }}","email":"{{ .email }}",'
        '"auth":"{{ printf "%s:%s" .user .password | b64enc }}"}}}'
    ),
    "yaml": YAML,
    "pem filter": '{{ .bundle | filterPEM "CERTIFICATE" }}',
}


def rate(once: Callable[[], object], seconds: float) -> float:
    """Calls per CPU second."""
    once()
    start, cpu, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - start < seconds:
        for _ in range(20):
            once()
        count += 20
    return count / (time.process_time() - cpu)


def measure(source: str, seconds: float) -> tuple[float, float]:
    data = StringMap(DATA)

    def cached() -> str:
        return render(source, data, name="tpl", functions=FUNCTIONS)

    def first_use() -> str:
        template = compile_source(source, name="tpl", functions=FUNCTIONS)
        return template.run(data, MissingKey.ERROR, Budget(Limits()))

    return rate(cached, seconds), rate(first_use, seconds)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    oracle = GoOracle(build()) if available() else None
    print(f"{'renders per CPU second':24}{'cached':>10}{'first use':>10}{'Go parse':>10}{'Go parsed':>10}{'ratio':>8}")
    for name, source in TEMPLATES.items():
        cached, first_use = measure(source, seconds)
        line = f"{name:24}{cached:10.0f}{first_use:10.0f}"
        if oracle is not None:
            parse = oracle.rate(source, DATA, seconds=seconds, prepared=False)
            parsed = oracle.rate(source, DATA, seconds=seconds, prepared=True)
            line += f"{parse:10.0f}{parsed:10.0f}{cached / parse:8.1f}"
        print(line)
    if oracle is not None:
        oracle.close()


if __name__ == "__main__":
    main()
