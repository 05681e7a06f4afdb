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
{{- if and .Values.processClusterStore (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clustersecretstores"
  verbs: ["get", "list", "watch"]
{{- end }}
{{- if and .Values.processClusterExternalSecret (not (include "external-secrets.isScoped" .)) }}
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
{{- if and .Values.processClusterPushSecret (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterpushsecrets"
  verbs: ["get", "list", "watch"]
{{- end }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores"
    - "secretstores/status"
  verbs: ["patch"]
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
    - "externalsecrets/status"
  verbs: ["patch"]
{{- if and .Values.processClusterStore (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clustersecretstores"
    - "clustersecretstores/status"
  verbs: ["patch"]
{{- end }}
{{- if and .Values.processClusterExternalSecret (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterexternalsecrets"
    - "clusterexternalsecrets/status"
  verbs: ["patch"]
{{- end }}
{{- if .Values.processPushSecret }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets"
    - "pushsecrets/status"
  verbs: ["patch"]
{{- end }}
{{- if and .Values.processClusterPushSecret (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterpushsecrets/status"
  verbs: ["patch"]
{{- end }}
{{- if .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "secretstores/finalizers"
  verbs: ["update"]
{{- end }}
{{- if .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets/finalizers"
  verbs: ["update"]
{{- end }}
{{- if and .Values.processClusterStore (not (include "external-secrets.isScoped" .)) .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clustersecretstores/finalizers"
  verbs: ["update"]
{{- end }}
{{- if and .Values.processClusterExternalSecret (not (include "external-secrets.isScoped" .)) .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterexternalsecrets/finalizers"
  verbs: ["update"]
{{- end }}
{{- if and .Values.processPushSecret .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets/finalizers"
  verbs: ["update"]
{{- end }}
{{- if and .Values.processClusterPushSecret (not (include "external-secrets.isScoped" .)) .Values.openshiftFinalizers }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "clusterpushsecrets/finalizers"
  verbs: ["update"]
{{- end }}
{{- if and .Values.processClusterExternalSecret (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "externalsecrets"
  verbs: ["create", "delete"]
{{- end }}
{{- if and .Values.processClusterPushSecret (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["external-secrets.io"]
  resources:
    - "pushsecrets"
  verbs: ["create", "delete"]
{{- end }}
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "generatorstates"
  verbs: ["get", "list", "watch", "create", "patch", "delete"]
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
{{- if and .Values.processClusterGenerator (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["generators.external-secrets.io"]
  resources:
    - "clustergenerators"
  verbs: ["get", "list", "watch"]
{{- end }}
- apiGroups: [""]
  resources:
    - "serviceaccounts"
  verbs: ["get", "list", "watch"]
{{- if (not (include "external-secrets.isScoped" .)) }}
- apiGroups: [""]
  resources:
    - "namespaces"
  verbs: ["get", "list", "watch"]
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
  verbs: ["create", "update", "delete"]
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
{{- if and .Values.metrics.listen.auth.enabled (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["authentication.k8s.io"]
  resources:
    - "tokenreviews"
  verbs: ["create"]
{{- end }}
{{- if and .Values.metrics.listen.auth.enabled (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["authorization.k8s.io"]
  resources:
    - "subjectaccessreviews"
  verbs: ["create"]
{{- end }}
{{- end }}
{{- define "external-secrets.rules.leaderElection" -}}
- apiGroups: ["coordination.k8s.io"]
  resources:
    - "leases"
  verbs: ["get", "create", "update"]
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
  verbs: ["update"]
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
  verbs: ["update"]
- apiGroups: ["discovery.k8s.io"]
  resources:
    - "endpointslices"
  verbs: ["get", "list", "watch"]
- apiGroups: [""]
  resources:
    - "events"
  verbs: ["create", "patch"]
{{- if and .Values.certController.metrics.listen.auth.enabled (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["authentication.k8s.io"]
  resources:
    - "tokenreviews"
  verbs: ["create"]
{{- end }}
{{- if and .Values.certController.metrics.listen.auth.enabled (not (include "external-secrets.isScoped" .)) }}
- apiGroups: ["authorization.k8s.io"]
  resources:
    - "subjectaccessreviews"
  verbs: ["create"]
{{- end }}
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
  verbs: ["patch"]
- apiGroups: ["coordination.k8s.io"]
  resources:
    - "leases"
  verbs: ["get", "create", "update"]
{{- end }}
{{- define "external-secrets.rules.allInOneCluster" -}}
- apiGroups: ["admissionregistration.k8s.io"]
  resources:
    - "validatingwebhookconfigurations"
  verbs: ["get", "list"]
- apiGroups: ["admissionregistration.k8s.io"]
  resources:
    - "validatingwebhookconfigurations"
  resourceNames:
    - "secretstore-validate"
    - "externalsecret-validate"
  verbs: ["update"]
{{- end }}
{{- define "external-secrets.rules.allInOne" -}}
- apiGroups: [""]
  resources:
    - "secrets"
  resourceNames:
    - {{ include "external-secrets.fullname" . }}-webhook
  verbs: ["get", "patch"]
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
