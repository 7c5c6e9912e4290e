import WindlassWire

/// The variables of a container, from all places where a pod may take them.
struct ContainerEnvironment: Sendable {
  let pod: JSONValue
  let address: String
  let node: String
  /// ConfigMaps and Secrets of the namespace by `ConfigMap/NAME` and `Secret/NAME`.
  let sources: [String: JSONValue]
  /// What tells of the Services of the namespace.
  let services: [(name: String, value: String)]

  /// The variables in the order in which they were written.
  ///
  /// - Throws: what can't be found, in the words of a status.
  func variables(
    of container: JSONValue
  ) throws(StartFailure) -> [(name: String, value: String)] {
    var found = Found()
    found.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    let host = pod.text("spec", "hostname")
    found.set("HOSTNAME", host.isEmpty ? pod.name : host)
    for (name, value) in services { found.set(name, value) }
    for entry in container.list("envFrom") {
      for (kind, member) in [("ConfigMap", "configMapRef"), ("Secret", "secretRef")] {
        guard let reference = entry[member] else { continue }
        guard let source = try source(kind, reference) else { continue }
        for value in values(of: source, kind) {
          found.set(entry.text("prefix") + value.name, value.value)
        }
      }
    }
    for entry in container.list("env") {
      if let source = entry["valueFrom"] {
        if let value = try value(from: source) { found.set(entry.text("name"), value) }
      } else {
        found.set(entry.text("name"), found.expand(entry.text("value")))
      }
    }
    return found.pairs
  }

  /// A word of a command with the variables that it names.
  static func expand(_ word: String, _ variables: [(name: String, value: String)]) -> String {
    var found = Found()
    for (name, value) in variables { found.set(name, value) }
    return found.expand(word)
  }

  /// The variables so far.
  private struct Found {
    private(set) var pairs: [(name: String, value: String)] = []

    mutating func set(_ name: String, _ value: String) {
      pairs.removeAll { $0.name == name }
      pairs.append((name, value))
    }

    /// `$(NAME)` stands for a variable that is known, `$$` for a dollar.
    func expand(_ text: String) -> String {
      var result = ""
      var rest = text[...]
      while let dollar = rest.firstIndex(of: "$") {
        result += rest[..<dollar]
        rest = rest[rest.index(after: dollar)...]
        if rest.first == "$" {
          result += "$"
          rest = rest.dropFirst()
        } else if rest.first == "(", let end = rest.firstIndex(of: ")") {
          let name = rest[rest.index(after: rest.startIndex)..<end]
          result += pairs.last { $0.name == name }?.value ?? "$(\(name))"
          rest = rest[rest.index(after: end)...]
        } else {
          result += "$"
        }
      }
      return result + rest
    }
  }

  // MARK: - Sources

  /// A ConfigMap or Secret; nil for an optional one that is not there.
  private func source(
    _ kind: String, _ reference: JSONValue
  ) throws(StartFailure) -> JSONValue? {
    let name = reference.text("name")
    if let source = sources["\(kind)/\(name)"] { return source }
    if reference["optional"]?.bool == true { return nil }
    throw StartFailure(description: "\(kind.lowercased()) \"\(name)\" not found")
  }

  private func values(
    of source: JSONValue, _ kind: String
  ) -> [(name: String, value: String)] {
    (source["data"]?.object ?? []).map { member in
      let text = member.value.string ?? ""
      return (
        member.name,
        kind == "Secret" ? String(decoding: Base64Text.bytes(text), as: UTF8.self) : text
      )
    }
  }

  private func value(from source: JSONValue) throws(StartFailure) -> String? {
    for (kind, member) in [("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")] {
      guard let reference = source[member] else { continue }
      guard let object = try self.source(kind, reference) else { return nil }
      let key = reference.text("key")
      if let found = values(of: object, kind).first(where: { $0.name == key }) {
        return found.value
      }
      if reference["optional"]?.bool == true { return nil }
      throw StartFailure(
        description: "couldn't find key \(key) in \(kind) "
          + "\(pod.namespace)/\(reference.text("name"))")
    }
    if let path = source.at("fieldRef", "fieldPath")?.string { return try field(path) }
    throw StartFailure(description: "this node knows no such source of a variable: \(source.text)")
  }

  /// A field of the pod itself.
  func field(_ path: String) throws(StartFailure) -> String {
    switch path {
    case "metadata.name": return pod.name
    case "metadata.namespace": return pod.namespace
    case "metadata.uid": return pod.uid
    case "spec.nodeName": return node
    case "spec.serviceAccountName":
      let account = pod.text("spec", "serviceAccountName")
      return account.isEmpty ? "default" : account
    case "status.podIP", "status.podIPs": return address
    case "status.hostIP", "status.hostIPs": return "127.0.0.1"
    default: break
    }
    for member in ["labels", "annotations"] where path.hasPrefix("metadata.\(member)['") {
      let key = String(path.dropFirst("metadata.\(member)['".count).dropLast(2))
      return pod.text("metadata", member, key)
    }
    throw StartFailure(description: "the field \(path) can't be read here")
  }
}

/// Texts of base 64, as Secrets hold them.
enum Base64Text {
  /// The bytes of a text; what is no digit of it is passed over.
  static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer: UInt32 = 0
    var count = 0
    for byte in text.utf8 {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit = byte - UInt8(ascii: "A")
      case UInt8(ascii: "a")...UInt8(ascii: "z"): digit = byte - UInt8(ascii: "a") + 26
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0") + 52
      case UInt8(ascii: "+"), UInt8(ascii: "-"): digit = 62
      case UInt8(ascii: "/"), UInt8(ascii: "_"): digit = 63
      default: continue
      }
      buffer = buffer << 6 | UInt32(digit)
      count += 6
      guard count >= 8 else { continue }
      count -= 8
      bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(count)))
    }
    return bytes
  }
}
