{{- define "external-secrets.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "external-secrets.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "external-secrets.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Labels of one process; called with root and suffix ("", "-webhook" or "-cert-controller"). */}}
{{- define "external-secrets.selectorLabels" -}}
app.kubernetes.io/name: {{ include "external-secrets.name" .root }}{{ .suffix }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "external-secrets.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "external-secrets.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "external-secrets.serviceAccountName" -}}
{{- $name := printf "%s%s" (include "external-secrets.fullname" .root) .suffix }}
{{- if .values.serviceAccount.create }}{{ default $name .values.serviceAccount.name }}{{ else }}{{ default "default" .values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "external-secrets.image" -}}
{{- $tag := default .root.Chart.AppVersion .values.image.tag }}
{{- default .values.image.repository .root.Values.global.repository }}:{{ $tag }}{{ with .values.image.flavour }}-{{ . }}{{ end }}
{{- end }}

{{/* A securityContext without what OpenShift assigns itself. */}}
{{- define "external-secrets.securityContext" -}}
{{- $context := omit .context "enabled" }}
{{- $adapt := .root.Values.global.compatibility.openshift.adaptSecurityContext }}
{{- if or (eq $adapt "force") (and (eq $adapt "auto") (.root.Capabilities.APIVersions.Has "security.openshift.io/v1")) }}
{{- $context = omit $context "runAsUser" "runAsGroup" "fsGroup" }}
{{- end }}
{{- with $context }}{{ toYaml . }}{{ end }}
{{- end }}

{{- define "external-secrets.isScoped" -}}
{{- if and .Values.scopedNamespace .Values.scopedRBAC }}true{{ end }}
{{- end }}

{{- define "external-secrets.certControllerEnabled" -}}
{{- if and .Values.certController.create (not .Values.webhook.certManager.enabled) (not .Values.allInOne) }}true{{ end }}
{{- end }}

{{/* The flags that every process has. */}}
{{- define "external-secrets.metricsArgs" -}}
- --metrics-addr=:{{ .values.metrics.listen.port }}
{{- if .values.metrics.listen.auth.enabled }}
- --metrics-auth=true
{{- end }}
{{- if .values.metrics.listen.secure.enabled }}
- --metrics-secure=true
- --metrics-cert-dir={{ .values.metrics.listen.secure.certDir }}
- --metrics-cert-name={{ .values.metrics.listen.secure.certFile }}
- --metrics-key-name={{ .values.metrics.listen.secure.keyFile }}
{{- end }}
{{- if .root.Values.enableHTTP2 }}
- --enable-http2=true
{{- end }}
{{- range $key, $value := .values.extraArgs }}
- --{{ $key }}{{ if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}={{ $value }}{{ end }}
{{- end }}
{{- end }}

{{/* Where a probe listens: its own port and address, or those in its spec. */}}
{{- define "external-secrets.probePort" -}}
{{- default .port (get (default (dict) .spec) "port") }}
{{- end }}

{{- define "external-secrets.probeAddress" -}}
{{- default .address (get (default (dict) .spec) "address") }}
{{- end }}

{{/* Liveness, readiness and startup probes. Their settings may stand in spec or beside it. */}}
{{- define "external-secrets.probes" -}}
{{- $values := .values }}
{{- range $name, $path := dict "livenessProbe" "/healthz" "readinessProbe" "/readyz" "startupProbe" "/readyz" }}
{{- $probe := get $values $name }}
{{- if and $probe $probe.enabled }}
{{- $spec := default (dict) $probe.spec }}
{{- $settings := mergeOverwrite (omit $spec "port" "address" "httpGet") (omit $probe "enabled" "port" "address" "spec" "useReadinessProbePort" "httpGet") }}
{{ $name }}:
  httpGet:
    path: {{ get (default (dict) (get $spec "httpGet")) "path" | default $path }}
    port: {{ include "external-secrets.probePort" (ternary $values.readinessProbe $probe (and (eq $name "startupProbe") (default false $probe.useReadinessProbePort))) }}
  {{- with $settings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
