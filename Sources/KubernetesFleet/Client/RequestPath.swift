/// Where a request goes: path and query, with every foreign text encoded.
package struct RequestPath: Hashable, Sendable {
  /// The path without query, beginning with `/`.
  package private(set) var path: String
  /// Names and values, sorted by name when written.
  package var query: [String: String] = [:]
  /// What it is about; nil for a path that is none of an object.
  private(set) var subject: Subject?

  /// Objects of one kind, or one of them.
  struct Subject: Hashable, Sendable {
    var type: ResourceType
    var namespace: String?
    var isSingle = false
    var subresource: String?
  }

  /// The collection of a kind, in one namespace or, without one, in all.
  ///
  /// - Returns: nil when the namespace can't be part of a path.
  package init?(_ type: ResourceType, in namespace: String?) {
    path = type.group.isEmpty ? "/api/\(type.version)" : "/apis/\(type.group)/\(type.version)"
    if type.isNamespaced, let namespace {
      guard let segment = RequestPath.segment(namespace) else { return nil }
      path += "/namespaces/\(segment)"
    }
    path += "/\(type.plural)"
    subject = Subject(type: type, namespace: type.isNamespaced ? namespace : nil)
  }

  /// One object, or one of its subresources such as `status`.
  ///
  /// - Returns: nil when a name can't be part of a path, or when a namespace is missing.
  package init?(_ object: ObjectReference, subresource: String? = nil) {
    guard !object.type.isNamespaced || object.namespace != nil,
      let name = RequestPath.segment(object.name)
    else { return nil }
    self.init(object.type, in: object.namespace)
    path += "/\(name)"
    subject?.isSingle = true
    subject?.subresource = subresource
    if let subresource { path += "/\(subresource)" }
  }

  /// A path that is none of an object, such as `/version`.
  package init(fixed path: String) { self.path = path }

  /// Path and query as they stand in a request line.
  package var text: String {
    guard !query.isEmpty else { return path }
    let pairs = query.sorted { $0.key < $1.key }.map { name, value in
      "\(RequestPath.encoded(name))=\(RequestPath.encoded(value))"
    }
    return path + "?" + pairs.joined(separator: "&")
  }

  /// A name as one segment of a path. The rules are those of the server: it refuses `.`, `..`, `/`
  /// and `%` in every name, and a client that sends them reaches another object than it means.
  static func segment(_ name: String) -> String? {
    guard !name.isEmpty, name != ".", name != "..", name.utf8.count <= 253,
      !name.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "%") })
    else { return nil }
    return encoded(name)
  }

  /// Text with everything but letters, digits and `-._~` as percent signs and digits.
  static func encoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
    return result
  }
}
