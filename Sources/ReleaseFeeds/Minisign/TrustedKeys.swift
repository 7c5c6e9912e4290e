import WindlassCore

/// The public keys that may sign a service's manifest; one signature by one of them is enough.
package struct TrustedKeys: Hashable, Sendable {
  /// In the order of the configuration, each once.
  package let keys: [PublicKey]

  /// Checks that there is a key, that there are not too many, and that no two share a number.
  package init(_ keys: [PublicKey]) throws(KeyError) {
    var distinct: [PublicKey] = []
    for key in keys where !distinct.contains(key) {
      if distinct.contains(where: { $0.id == key.id }) { throw .conflictingKeys(key.id) }
      distinct.append(key)
    }
    guard !distinct.isEmpty else { throw .noKeys }
    guard distinct.count <= Bounds.publicKeysMax else {
      throw .tooManyKeys(count: distinct.count)
    }
    self.keys = distinct
  }

  /// Reads each key as `PublicKey` does.
  package init(_ texts: [String]) throws(KeyError) {
    var keys: [PublicKey] = []
    for text in texts { keys.append(try PublicKey(text)) }
    try self.init(keys)
  }

  /// The key of that number.
  func key(_ id: KeyID) -> PublicKey? { keys.first { $0.id == id } }
}
