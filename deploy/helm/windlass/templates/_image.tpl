{{- define "windlass.image" -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- end }}
