{{/*
The Deployment of one process. Called with root, values (of the process), suffix, container (its name), args (a list as
YAML), ports (as YAML), volumes and volumeMounts (as YAML, may be empty).
*/}}
{{- define "external-secrets.deployment" -}}
{{- $root := .root }}
{{- $values := .values }}
{{- $global := .root.Values.global }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "external-secrets.fullname" $root }}{{ .suffix }}
  namespace: {{ include "external-secrets.namespace" $root }}
  labels:
    {{- include "external-secrets.labels" . | nindent 4 }}
  {{- with $values.deploymentAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  replicas: {{ $values.replicaCount }}
  revisionHistoryLimit: {{ $values.revisionHistoryLimit }}
  {{- with $values.strategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "external-secrets.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      {{- with merge (dict) $values.podAnnotations $global.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      labels:
        {{- include "external-secrets.labels" . | nindent 8 }}
        {{- with merge (dict) $values.podLabels $global.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- with (default $global.imagePullSecrets $values.imagePullSecrets) }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      serviceAccountName: {{ include "external-secrets.serviceAccountName" . }}
      automountServiceAccountToken: {{ $values.serviceAccount.automount }}
      {{- if $values.podSecurityContext.enabled }}
      {{- with include "external-secrets.securityContext" (dict "root" $root "context" $values.podSecurityContext) }}
      securityContext:
        {{- . | nindent 8 }}
      {{- end }}
      {{- end }}
      hostNetwork: {{ $values.hostNetwork }}
      {{- if not (kindIs "invalid" $values.hostUsers) }}
      hostUsers: {{ $values.hostUsers }}
      {{- end }}
      dnsPolicy: {{ $values.dnsPolicy }}
      {{- range $key := list "priorityClassName" "schedulerName" "runtimeClassName" }}
      {{- with get $values $key }}
      {{ $key }}: {{ . }}
      {{- end }}
      {{- end }}
      {{- with $values.dnsConfig }}
      dnsConfig:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $key := list "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" "hostAliases" }}
      {{- with (default (get $global $key) (get $values $key)) }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with $values.podSpecExtra }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with $values.extraInitContainers }}
      initContainers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .container }}
          {{- if $values.securityContext.enabled }}
          {{- with include "external-secrets.securityContext" (dict "root" $root "context" $values.securityContext) }}
          securityContext:
            {{- . | nindent 12 }}
          {{- end }}
          {{- end }}
          image: {{ include "external-secrets.image" . | quote }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            {{- .args | nindent 12 }}
            {{- include "external-secrets.metricsArgs" . | nindent 12 }}
          ports:
            - name: metrics
              containerPort: {{ $values.metrics.listen.port }}
              protocol: TCP
            {{- with .ports }}
            {{- . | nindent 12 }}
            {{- end }}
          {{- include "external-secrets.probes" . | nindent 10 }}
          {{- with $values.extraEnv }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          volumeMounts:
            - name: tmp
              mountPath: /tmp
            {{- with .volumeMounts }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
        {{- with $values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      volumes:
        # OpenSSL reads keys from files only; they are never on a disk.
        - name: tmp
          emptyDir:
            medium: Memory
            sizeLimit: 64Mi
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* What belongs to a process beside its Deployment; called with root, values, suffix and ports (a list of numbers). */}}
{{- define "external-secrets.surroundings" -}}
{{- $root := .root }}
{{- $values := .values }}
{{- $name := printf "%s%s" (include "external-secrets.fullname" $root) .suffix }}
{{- if $values.serviceAccount.create }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "external-secrets.serviceAccountName" . }}
  namespace: {{ include "external-secrets.namespace" $root }}
  labels:
    {{- include "external-secrets.labels" . | nindent 4 }}
    {{- with $values.serviceAccount.extraLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: {{ $values.serviceAccount.automount }}
{{- end }}
{{- if $values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ default (printf "%s-pdb" $name) $values.podDisruptionBudget.nameOverride }}
  namespace: {{ include "external-secrets.namespace" $root }}
  labels:
    {{- if eq .suffix "-webhook" }}
    external-secrets.io/component: webhook
    {{- end }}
    {{- include "external-secrets.labels" . | nindent 4 }}
spec:
  {{- /* One of the two; the default of minAvailable must not get in the way of maxUnavailable. */}}
  {{- $left := ternary "minAvailable" "" (not (empty $values.podDisruptionBudget.maxUnavailable)) }}
  {{- omit $values.podDisruptionBudget "enabled" "nameOverride" $left | toYaml | nindent 2 }}
  selector:
    matchLabels:
      {{- include "external-secrets.selectorLabels" . | nindent 6 }}
{{- end }}
{{- if $values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  namespace: {{ include "external-secrets.namespace" $root }}
  labels:
    {{- include "external-secrets.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "external-secrets.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- with $values.networkPolicy.ingress }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - ports:
        {{- range .ports }}
        - port: {{ . }}
          protocol: TCP
        {{- end }}
    {{- end }}
  egress:
    {{- with $values.networkPolicy.egress }}
    {{- toYaml . | nindent 4 }}
    {{- else }}
    - {}
    {{- end }}
{{- end }}
{{- if include "external-secrets.metricsService" . }}
{{- /* The webhook has a Service already, and its metrics are a port of that one. */}}
{{- if ne .suffix "-webhook" }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}-metrics
  namespace: {{ include "external-secrets.namespace" $root }}
  labels:
    {{- with trimPrefix "-" .suffix }}
    app.kubernetes.io/metrics: {{ . }}
    {{- end }}
    {{- include "external-secrets.labels" . | nindent 4 }}
  {{- with $values.metrics.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: ClusterIP
  {{- include "external-secrets.families" $root | nindent 2 }}
  ports:
    - name: metrics
      port: {{ $values.metrics.service.port }}
      targetPort: metrics
      protocol: TCP
  selector:
    {{- include "external-secrets.selectorLabels" . | nindent 4 }}
{{- end }}
{{- include "external-secrets.serviceMonitor" . }}
{{- end }}
{{- end }}

{{/* "true" when the metrics of a process are to be reached by a Service; called with root and values. */}}
{{- define "external-secrets.metricsService" -}}
{{- if or .values.metrics.service.enabled .root.Values.serviceMonitor.enabled }}true{{ end }}
{{- end }}

{{- define "external-secrets.families" -}}
{{- with .Values.service.ipFamilyPolicy }}
ipFamilyPolicy: {{ . }}
{{- end }}
{{- with .Values.service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "external-secrets.serviceMonitor" -}}
{{- $root := .root }}
{{- $monitor := $root.Values.serviceMonitor }}
{{- $group := "monitoring.coreos.com/v1" }}
{{- $known := or ($root.Capabilities.APIVersions.Has $group) ($root.Capabilities.APIVersions.Has (printf "%s/ServiceMonitor" $group)) }}
{{- if and $monitor.enabled (eq $monitor.renderMode "failIfMissing") (not $known) }}
{{- fail "serviceMonitor.renderMode is failIfMissing and the cluster has no monitoring.coreos.com/v1: install the Prometheus operator first" }}
{{- end }}
{{- if and $monitor.enabled (or $known (eq $monitor.renderMode "alwaysRender")) }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "external-secrets.fullname" $root }}{{ .suffix }}-metrics
  namespace: {{ default (include "external-secrets.namespace" $root) $monitor.namespace }}
  labels:
    {{- include "external-secrets.labels" . | nindent 4 }}
    {{- with $monitor.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "external-secrets.selectorLabels" . | nindent 6 }}
  namespaceSelector:
    matchNames:
      - {{ include "external-secrets.namespace" $root }}
  endpoints:
    - port: metrics
      interval: {{ $monitor.interval }}
      scrapeTimeout: {{ $monitor.scrapeTimeout }}
      honorLabels: {{ $monitor.honorLabels }}
      {{- if .values.metrics.listen.secure.enabled }}
      scheme: https
      tlsConfig:
        insecureSkipVerify: true
      {{- end }}
      {{- if .values.metrics.listen.auth.enabled }}
      bearerTokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token
      {{- end }}
      {{- with $monitor.metricRelabelings }}
      metricRelabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $monitor.relabelings }}
      relabelings:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
{{- end }}
