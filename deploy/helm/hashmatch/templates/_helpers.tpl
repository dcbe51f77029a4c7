{{- /* Name of all objects, short enough for that of a job and its endings. */}}
{{- define "hashmatch.fullname" -}}
{{- $name := .Release.Name }}
{{- if not (contains .Chart.Name $name) }}
{{- $name = printf "%s-%s" $name .Chart.Name }}
{{- end }}
{{- .Values.fullnameOverride | default $name | trunc 39 | trimSuffix "-" }}
{{- end }}

{{- /* Labels by which the pods of a component are selected. Takes (root, component). */}}
{{- define "hashmatch.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* Labels of an object. Takes (root, component). */}}
{{- define "hashmatch.labels" -}}
{{ include "hashmatch.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Metadata of a pod. Takes (root, component). */}}
{{- define "hashmatch.podMetadata" -}}
labels:
  {{- include "hashmatch.selector" . | nindent 2 }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "hashmatch.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
image: {{ printf "%s@%s" .repository .digest | quote }}
{{- else -}}
image: {{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) | quote }}
{{- end }}
{{- with .pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "hashmatch.serviceAccountName" -}}
{{- $own := ternary (include "hashmatch.fullname" .) "" .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default $own }}
{{- end }}

{{- /* Rights and places of all pods, those of the pod security standard "restricted". */}}
{{- define "hashmatch.pod" -}}
automountServiceAccountToken: false
# Else a variable for each service of the namespace would begin like those of hashmatch.
enableServiceLinks: false
{{- with include "hashmatch.serviceAccountName" . }}
serviceAccountName: {{ . | quote }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  # It permits the sandbox of decoding processes; 'hashmatch doctor' in a pod shows its state.
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "hashmatch.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "hashmatch.env" -}}
- name: HASHMATCH_DATA_DIR
  value: /var/lib/hashmatch
# By name, so that a pod without it does not start: it would create its own database.
- name: HASHMATCH_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ .Values.database.existingSecret | default .Values.keys.existingSecret | quote }}
      key: {{ .Values.database.urlKey | quote }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "hashmatch.envFrom" -}}
envFrom:
  - secretRef:
      name: {{ .Values.keys.existingSecret | quote }}
{{- end }}

{{- /* One decoding process for each processor; Python would count all those of the node. */}}
{{- define "hashmatch.processors" -}}
- name: PYTHON_CPU_COUNT
  valueFrom:
    resourceFieldRef:
      resource: requests.cpu
{{- end }}

{{- /* Mounts of a container. Takes (root, retained): whether it needs retained hashes. */}}
{{- define "hashmatch.mounts" -}}
volumeMounts:
  - name: config
    mountPath: /etc/hashmatch
    readOnly: true
  - name: data
    mountPath: /var/lib/hashmatch
  - name: temporary
    mountPath: /tmp
{{- if and .retained .root.Values.retainedHashes.existingClaim }}
  - name: retained
    mountPath: /var/lib/hashmatch/retained
{{- end }}
{{- end }}

{{- /* Volumes of a pod. Takes (root, retained, temporarySize) and one of (claim, indexSize). */}}
{{- define "hashmatch.volumes" -}}
volumes:
  - name: config
    secret:
      secretName: {{ .root.Values.config.existingSecret | quote }}
      defaultMode: 0440
  - name: data
  {{- if .claim }}
    persistentVolumeClaim:
      claimName: {{ .claim | quote }}
  {{- else }}
    # Each pod has its own index: it is built from the database, and lost with the pod.
    emptyDir:
      sizeLimit: {{ .indexSize }}
  {{- end }}
  - name: temporary
    emptyDir:
      sizeLimit: {{ .temporarySize }}
{{- if and .retained .root.Values.retainedHashes.existingClaim }}
  - name: retained
    persistentVolumeClaim:
      claimName: {{ .root.Values.retainedHashes.existingClaim | quote }}
{{- end }}
{{- end }}

{{- /* Pods that start at the same time wait for each other; old ones keep running meanwhile. */}}
{{- define "hashmatch.upgrade" -}}
- name: upgrade
  {{- include "hashmatch.image" . | nindent 2 }}
  command: [hashmatch, --config, /etc/hashmatch/hashmatch.toml, db, upgrade]
  env:
    {{- include "hashmatch.env" . | nindent 4 }}
  {{- include "hashmatch.containerSecurity" . | nindent 2 }}
  resources:
    requests:
      cpu: 100m
      memory: 256Mi
    limits:
      memory: 1Gi
  {{- include "hashmatch.mounts" (dict "root" .) | nindent 2 }}
{{- end }}

{{- /* What service and worker may reach: names, the database, and servers by https. */}}
{{- define "hashmatch.egress" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Values.networkPolicy.dnsNamespace | quote }}
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
- ports:
    - protocol: TCP
      port: {{ .Values.networkPolicy.databasePort }}
  {{- with .Values.networkPolicy.databasePeers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
# Never the metadata service of a cloud, which hands out credentials.
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
    - ipBlock:
        cidr: ::/0
        except: ["fd00:ec2::/32"]
  ports:
    - protocol: TCP
      port: 443
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
