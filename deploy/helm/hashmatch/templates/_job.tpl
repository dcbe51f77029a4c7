{{- /*
A command on a schedule. Takes (root, component, values, command) and, where it needs the index, one of
(claim, indexSize); (retained) where it needs retained hashes.
*/}}
{{- define "hashmatch.job" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "hashmatch.fullname" .root }}-{{ .component }}
  labels:
    {{- include "hashmatch.labels" . | nindent 4 }}
spec:
  schedule: {{ .values.schedule | quote }}
  # Two at once would do no harm, and no good.
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 1800
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      activeDeadlineSeconds: 21600
      backoffLimit: 0
      template:
        metadata:
          {{- include "hashmatch.podMetadata" . | nindent 10 }}
        spec:
          restartPolicy: Never
          {{- include "hashmatch.pod" .root | nindent 10 }}
          containers:
            - name: {{ .component }}
              {{- include "hashmatch.image" .root | nindent 14 }}
              command: {{ toJson .command }}
              env:
                {{- include "hashmatch.env" .root | nindent 16 }}
              {{- include "hashmatch.envFrom" .root | nindent 14 }}
              {{- include "hashmatch.containerSecurity" .root | nindent 14 }}
              resources:
                {{- toYaml .values.resources | nindent 16 }}
              {{- include "hashmatch.mounts" . | nindent 14 }}
          {{- include "hashmatch.volumes" (merge (dict "temporarySize" "4Gi") .) | nindent 10 }}
{{- end }}
