{{/* The labels of the pods of a shard, and of the operators without a name. */}}
{{- define "windlass.pods" -}}
{app.kubernetes.io/name: windlass, app.kubernetes.io/component: {{ if . }}shard, windlass.dev/shard: {{ . | quote }}{{ else }}operator{{ end }}}
{{- end }}

{{/* The labels of what else belongs to a shard. */}}
{{- define "windlass.labels" -}}
{{ if . }}{{ include "windlass.pods" . }}{{ else }}{app.kubernetes.io/name: windlass}{{ end }}
{{- end }}
