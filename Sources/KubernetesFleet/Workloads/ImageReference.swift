package import WindlassCore

extension Digest {
  /// The digest that an image's reference names, such as the one behind the `@` of
  /// `registry.example/web:1.2@sha256:…`; nil for a tag alone.
  package init?(ofImage reference: String) {
    guard let mark = reference.lastIndex(of: "@") else { return nil }
    let named = reference[reference.index(after: mark)...]
    guard named.hasPrefix("sha256:") else { return nil }
    self.init(String(named.dropFirst("sha256:".count)))
    guard isWellFormed else { return nil }
  }
}
