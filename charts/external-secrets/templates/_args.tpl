{{- define "external-secrets.controllerArgs" -}}
{{- $scoped := include "external-secrets.isScoped" . -}}
- controller
{{- if .Values.leaderElect }}
- --enable-leader-election=true
{{- end }}
{{- range $flag, $value := dict "leader-election-id" .Values.leaderElectionID "leader-election-lease-duration" .Values.leaderElectionLeaseDuration "leader-election-renew-deadline" .Values.leaderElectionRenewDeadline "leader-election-retry-period" .Values.leaderElectionRetryPeriod "namespace" .Values.scopedNamespace "controller-class" .Values.controllerClass "store-requeue-interval" .Values.storeRequeueInterval }}
{{- with $value }}
- --{{ $flag }}={{ . }}
{{- end }}
{{- end }}
{{- if or $scoped (not .Values.processClusterStore) }}
- --enable-cluster-store-reconciler=false
{{- end }}
{{- if or $scoped (not .Values.processClusterExternalSecret) }}
- --enable-cluster-external-secret-reconciler=false
{{- end }}
{{- if or $scoped (not .Values.processClusterPushSecret) }}
- --enable-cluster-push-secret-reconciler=false
{{- end }}
{{- if not .Values.processSecretStore }}
- --enable-secret-store-reconciler=false
{{- end }}
{{- if not .Values.processPushSecret }}
- --enable-push-secret-reconciler=false
{{- end }}
{{- if .Values.extendedMetricLabels }}
- --enable-extended-metric-labels=true
{{- end }}
{{- if .Values.vault.enableTokenCache }}
- --enable-vault-token-cache=true
- --vault-token-cache-size={{ int .Values.vault.tokenCacheSize }}
{{- end }}
{{- if .Values.allInOne }}
- --all-in-one=true
- --webhook-port={{ .Values.webhook.port }}
- --webhook-service-name={{ include "external-secrets.fullname" . }}-webhook
- --webhook-secret-name={{ include "external-secrets.fullname" . }}-webhook
{{- end }}
{{- if .Values.genericTargets.enabled }}
- --unsafe-allow-generic-targets=true
{{- end }}
- --concurrent={{ .Values.concurrent }}
- --loglevel={{ .Values.log.level }}
- --zap-time-encoding={{ .Values.log.timeEncoding }}
{{- if or .Values.livenessProbe.enabled .Values.readinessProbe.enabled }}
{{- $probe := ternary .Values.readinessProbe .Values.livenessProbe .Values.readinessProbe.enabled }}
- --live-addr={{ include "external-secrets.probeAddress" $probe }}:{{ include "external-secrets.probePort" $probe }}
{{- end }}
{{- end }}

{{- define "external-secrets.controllerPorts" -}}
{{- if .Values.allInOne -}}
- name: webhook
  containerPort: {{ .Values.webhook.port }}
  protocol: TCP
{{ end }}
{{- if or .Values.livenessProbe.enabled .Values.readinessProbe.enabled -}}
- name: live
  containerPort: {{ include "external-secrets.probePort" (ternary .Values.readinessProbe .Values.livenessProbe .Values.readinessProbe.enabled) }}
  protocol: TCP
{{- end }}
{{- end }}

{{- define "external-secrets.webhookArgs" -}}
- webhook
- --port={{ .Values.webhook.port }}
- --dns-name={{ include "external-secrets.fullname" . }}-webhook.{{ include "external-secrets.namespace" . }}.svc
- --cert-dir={{ .Values.webhook.certDir }}
- --check-interval={{ .Values.webhook.certCheckInterval }}
{{- with .Values.webhook.lookaheadInterval }}
- --lookahead-interval={{ . }}
{{- end }}
- --healthz-addr={{ include "external-secrets.probeAddress" .Values.webhook.readinessProbe }}:{{ include "external-secrets.probePort" .Values.webhook.readinessProbe }}
- --loglevel={{ .Values.webhook.log.level }}
- --zap-time-encoding={{ .Values.webhook.log.timeEncoding }}
{{- end }}

{{- define "external-secrets.webhookPorts" -}}
- name: webhook
  containerPort: {{ .Values.webhook.port }}
  protocol: TCP
- name: healthz
  containerPort: {{ include "external-secrets.probePort" .Values.webhook.readinessProbe }}
  protocol: TCP
{{- end }}

{{- define "external-secrets.webhookMounts" -}}
- name: certs
  mountPath: {{ .Values.webhook.certDir }}
  readOnly: true
{{- end }}

{{- define "external-secrets.webhookVolumes" -}}
- name: certs
  secret:
    secretName: {{ include "external-secrets.fullname" . }}-webhook
{{- end }}

{{- define "external-secrets.certControllerArgs" -}}
{{- $name := printf "%s-webhook" (include "external-secrets.fullname" .) -}}
{{- $namespace := include "external-secrets.namespace" . -}}
- certcontroller
- --crd-requeue-interval={{ .Values.certController.requeueInterval }}
- --service-name={{ $name }}
- --service-namespace={{ $namespace }}
- --secret-name={{ $name }}
- --secret-namespace={{ $namespace }}
- --healthz-addr={{ include "external-secrets.probeAddress" .Values.certController.readinessProbe }}:{{ include "external-secrets.probePort" .Values.certController.readinessProbe }}
- --loglevel={{ .Values.certController.log.level }}
- --zap-time-encoding={{ .Values.certController.log.timeEncoding }}
{{- if not .Values.crds.createClusterSecretStore }}
- --crd-names=externalsecrets.external-secrets.io
- --crd-names=secretstores.external-secrets.io
{{- end }}
{{- if .Values.installCRDs }}
- --enable-partial-cache={{ .Values.certController.enablePartialCache }}
{{- end }}
{{- if .Values.leaderElect }}
- --enable-leader-election=true
{{- end }}
{{- end }}

{{- define "external-secrets.certControllerPorts" -}}
- name: ready
  containerPort: {{ include "external-secrets.probePort" .Values.certController.readinessProbe }}
  protocol: TCP
{{- end }}

