import WindlassWire

extension KubernetesObject {
  /// The object without whose fields are whose and without a journal's records: most of what an
  /// object is made of, and nobody reads it in a copy.
  package var trimmed: KubernetesObject {
    let metadata = metadata.setting("managedFields", to: nil)
    var body = body.setting("metadata", to: metadata)
    if let status = body["status"], status["journal"] != nil {
      body = body.setting("status", to: status.setting("journal", to: nil))
    }
    return KubernetesObject(body)
  }
}
