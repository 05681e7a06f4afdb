{{/* Written by `make chart` from the tables of `eso rbac`. */}}
{{- define "external-secrets.rules.controller" -}}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores"
  verbs: ["get", "list", "watch"]
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
  verbs: ["get", "list", "watch"]
{{- if .Values.processClusterStore }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clustersecretstores"
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if .Values.processClusterExternalSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterexternalsecrets"
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if .Values.processPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets"
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if .Values.processClusterPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterpushsecrets"
  verbs: ["get", "list", "watch"]
{{- end }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores"
    - "secretstores/status"
    {{- if .Values.openshiftFinalizers }}
    - "secretstores/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
    - "externalsecrets/status"
    {{- if .Values.openshiftFinalizers }}
    - "externalsecrets/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
{{- if .Values.processClusterStore }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clustersecretstores"
    - "clustersecretstores/status"
    {{- if .Values.openshiftFinalizers }}
    - "clustersecretstores/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
{{- end }}
{{- if .Values.processClusterExternalSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterexternalsecrets"
    - "clusterexternalsecrets/status"
    {{- if .Values.openshiftFinalizers }}
    - "clusterexternalsecrets/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
{{- end }}
{{- if .Values.processPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets"
    - "pushsecrets/status"
    {{- if .Values.openshiftFinalizers }}
    - "pushsecrets/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
{{- end }}
{{- if .Values.processClusterPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterpushsecrets"
    - "clusterpushsecrets/status"
    {{- if .Values.openshiftFinalizers }}
    - "clusterpushsecrets/finalizers"
    {{- end }}
  verbs: ["get", "update", "patch"]
{{- end }}
{{- if .Values.processClusterExternalSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
  verbs: ["create", "update", "delete"]
{{- end }}
{{- if .Values.processClusterPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets"
  verbs: ["create", "update", "delete"]
{{- end }}
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "generatorstates"
  verbs: ["get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"]
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "acraccesstokens"
    - "beyondtrustworkloadcredentialsdynamicsecrets"
    - "cloudsmithaccesstokens"
    - "ecrauthorizationtokens"
    - "fakes"
    - "gcraccesstokens"
    - "githubaccesstokens"
    - "gitlabdeploytokens"
    - "grafanas"
    - "mfas"
    - "passwords"
    - "quayaccesstokens"
    - "sshkeys"
    - "stssessiontokens"
    - "uuids"
    - "vaultdynamicsecrets"
    - "webhooks"
  verbs: ["get", "list", "watch"]
{{- if .Values.processClusterGenerator }}
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "clustergenerators"
  verbs: ["get", "list", "watch"]
{{- end }}
- apiGroups: [""]
  resources:
    - "serviceaccounts"
    - "namespaces"
  verbs: ["get", "list", "watch"]
{{- if .Values.processClusterExternalSecret }}
- apiGroups: [""]
  resources:
    - "namespaces"
  verbs: ["update", "patch"]
{{- end }}
- apiGroups: [""]
  resources:
    - "configmaps"
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources:
    - "secrets"
  verbs: ["get", "list", "watch", "create", "update", "delete", "patch"]
{{- if .Values.genericTargets.enabled }}
- apiGroups: [""]
  resources:
    - "configmaps"
  verbs: ["create", "update", "delete", "patch"]
{{- end }}
{{- if .Values.rbac.serviceAccountTokenCreate }}
- apiGroups: [""]
  resources:
    - "serviceaccounts/token"
  verbs: ["create"]
{{- end }}
- apiGroups: [""]
  resources:
    - "events"
  verbs: ["create", "patch"]
- apiGroups: ["authentication.k8s.io"]
  resources:
    - "tokenreviews"
  verbs: ["create"]
- apiGroups: ["authorization.k8s.io"]
  resources:
    - "subjectaccessreviews"
  verbs: ["create"]
{{- end }}
{{- define "external-secrets.rules.leaderElection" -}}
- apiGroups: ["coordination.k8s.io"]
  resources:
    - "leases"
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"]
{{- end }}
{{- define "external-secrets.rules.certControllerCluster" -}}
- apiGroups: ["apiextensions.k8s.io"]
  resources:
    - "customresourcedefinitions"
  verbs: ["get", "list", "watch"]
- apiGroups: ["apiextensions.k8s.io"]
  resources:
    - "customresourcedefinitions"
  resourceNames:
    - "externalsecrets.external-secrets.io"
    - "secretstores.external-secrets.io"
    - "clustersecretstores.external-secrets.io"
  verbs: ["update", "patch"]
- apiGroups: ["admissionregistration.k8s.io"]
  resources:
    - "validatingwebhookconfigurations"
  verbs: ["get", "list", "watch"]
- apiGroups: ["admissionregistration.k8s.io"]
  resources:
    - "validatingwebhookconfigurations"
  resourceNames:
    - "secretstore-validate"
    - "externalsecret-validate"
  verbs: ["update", "patch"]
- apiGroups: [""]
  resources:
    - "endpoints"
  verbs: ["get", "list", "watch"]
- apiGroups: ["discovery.k8s.io"]
  resources:
    - "endpointslices"
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources:
    - "events"
  verbs: ["create", "patch"]
- apiGroups: ["authentication.k8s.io"]
  resources:
    - "tokenreviews"
  verbs: ["create"]
- apiGroups: ["authorization.k8s.io"]
  resources:
    - "subjectaccessreviews"
  verbs: ["create"]
{{- end }}
{{- define "external-secrets.rules.certController" -}}
- apiGroups: [""]
  resources:
    - "secrets"
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources:
    - "secrets"
  resourceNames:
    - {{ include "external-secrets.fullname" . }}-webhook
  verbs: ["update", "patch"]
- apiGroups: ["coordination.k8s.io"]
  resources:
    - "leases"
  verbs: ["get", "list", "watch", "create", "update", "patch", "delete"]
{{- end }}
{{- define "external-secrets.rules.view" -}}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores"
    - "externalsecrets"
    - "clustersecretstores"
    - "clusterexternalsecrets"
    - "pushsecrets"
    - "clusterpushsecrets"
  verbs: ["get", "list", "watch"]
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "acraccesstokens"
    - "beyondtrustworkloadcredentialsdynamicsecrets"
    - "cloudsmithaccesstokens"
    - "ecrauthorizationtokens"
    - "fakes"
    - "gcraccesstokens"
    - "githubaccesstokens"
    - "gitlabdeploytokens"
    - "grafanas"
    - "mfas"
    - "passwords"
    - "quayaccesstokens"
    - "sshkeys"
    - "stssessiontokens"
    - "uuids"
    - "vaultdynamicsecrets"
    - "webhooks"
    - "clustergenerators"
  verbs: ["get", "list", "watch"]
{{- end }}
{{- define "external-secrets.rules.edit" -}}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores"
    - "externalsecrets"
    - "clustersecretstores"
    - "clusterexternalsecrets"
    - "pushsecrets"
    - "clusterpushsecrets"
  verbs: ["create", "delete", "deletecollection", "patch", "update"]
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "acraccesstokens"
    - "beyondtrustworkloadcredentialsdynamicsecrets"
    - "cloudsmithaccesstokens"
    - "ecrauthorizationtokens"
    - "fakes"
    - "gcraccesstokens"
    - "githubaccesstokens"
    - "gitlabdeploytokens"
    - "grafanas"
    - "mfas"
    - "passwords"
    - "quayaccesstokens"
    - "sshkeys"
    - "stssessiontokens"
    - "uuids"
    - "vaultdynamicsecrets"
    - "webhooks"
    - "clustergenerators"
  verbs: ["create", "delete", "deletecollection", "patch", "update"]
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "generatorstates"
  verbs: ["get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"]
{{- end }}
{{- define "external-secrets.rules.serviceBindings" -}}
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
    - "pushsecrets"
  verbs: ["get", "list", "watch"]
{{- end }}
