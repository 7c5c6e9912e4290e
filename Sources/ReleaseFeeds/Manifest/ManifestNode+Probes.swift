import WindlassCore
import WindlassWire

// Questions to a server.
extension ManifestNode {
  /// The methods that a probe may use.
  static let probeMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

  /// A list of probes, each of a name of its own.
  func probes() throws(ManifestError) -> [Probe] {
    var probes: [Probe] = []
    for element in try elements(max: Bounds.probesMax) {
      let probe = try element.probe()
      guard !probes.contains(where: { $0.name == probe.name }) else {
        throw try element.required("name").error("is the name of an earlier probe as well")
      }
      probes.append(probe)
    }
    return probes
  }

  private func probe() throws(ManifestError) -> Probe {
    var probe = Probe(
      name: try required("name").name(), method: try optional("method")?.method() ?? "GET",
      path: try required("path").requestPath())
    probe.body = value["body"].flatMap { $0.isNull ? nil : $0.text }
    if let expectation = try optional("expect") {
      if let status = try expectation.optional("status") {
        probe.expectedStatus = Int(try status.whole(in: 100...599))
      }
      for (name, node) in try expectation.optional("values")?.members() ?? [] {
        guard JSONPointer.tokens(name) != nil else { throw node.notPointer }
        probe.expectedValues[name] = node.value.text
      }
    }
    for (name, node) in try optional("capture")?.members() ?? [] {
      guard JSONPointer.tokens(try node.text(max: Bounds.urlLengthMax)) != nil else {
        throw node.notPointer
      }
      guard name.unicodeScalars.first?.isASCIIAlphanumeric == true,
        name.first?.isNumber == false
      else { throw node.error("captures under a name that does not begin with a letter") }
      _ = try ManifestNode(.string(name), path: node.path).word()
      probe.captures[name] = try node.text()
    }
    probe.isSafe = try optional("safe")?.flag() ?? false
    return probe
  }

  private func method() throws(ManifestError) -> String {
    let method = try text(max: Bounds.nameLengthMax)
    guard ManifestNode.probeMethods.contains(method) else {
      throw error("must be one of \(ManifestNode.probeMethods.joined(separator: ", "))")
    }
    return method
  }

  private func requestPath() throws(ManifestError) -> String {
    let path = try text(max: Bounds.urlLengthMax)
    guard path.hasPrefix("/"), !path.hasPrefix("//"),
      path.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else { throw error("must be a path that begins with one /, printable ASCII without blanks") }
    return path
  }

  private var notPointer: ManifestError {
    error("must be a JSON pointer (RFC 6901), as in /flags/0/key")
  }
}
