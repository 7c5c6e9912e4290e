import WindlassWire

/// One thing that a watch tells.
package enum WatchEvent: Hashable, Sendable {
  case added(KubernetesObject)
  case modified(KubernetesObject)
  /// With the object's last state, and the version of its deletion.
  case deleted(KubernetesObject)
  /// Nothing has happened up to that version; `endsInitialEvents` closes what was there before.
  case bookmark(resourceVersion: String, endsInitialEvents: Bool)
  /// The server ends the watch and says why.
  case failed(APIError)
}

extension WatchEvent {
  /// Reads one line of a watch.
  ///
  /// - Throws: `malformedAnswer` when it is none; another error when it is a refusal that came in
  ///   place of a watch.
  init(line: some Collection<UInt8>, request: String) throws(APIError) {
    func malformed(_ what: String) -> APIError {
      APIError(.malformedAnswer, request: request, detail: "an event of the watch \(what)")
    }
    let body: JSONValue
    do throws(JSONError) {
      body = try JSONValue.parse(line, limits: ClientBounds.documentLimits)
    } catch {
      throw malformed("is not JSON (\(error.code.rawValue))")
    }
    guard let type = body["type"]?.string, let object = body["object"] else {
      guard body["kind"]?.string == "Status" else { throw malformed("has no type or object") }
      throw APIError(status: body, request: request)
    }
    switch type {
    case "ERROR": self = .failed(APIError(status: object, request: request))
    case "BOOKMARK":
      let metadata = object["metadata"]
      guard let version = metadata?["resourceVersion"]?.string, !version.isEmpty else {
        throw malformed("is a bookmark without resourceVersion")
      }
      let ends = metadata?["annotations"]?["k8s.io/initial-events-end"]?.string == "true"
      self = .bookmark(resourceVersion: version, endsInitialEvents: ends)
    case "ADDED", "MODIFIED", "DELETED":
      let object = KubernetesObject(object)
      guard !object.name.isEmpty, !object.uid.isEmpty, !object.resourceVersion.isEmpty else {
        throw malformed("has an object without name, uid or resourceVersion")
      }
      switch type {
      case "ADDED": self = .added(object)
      case "MODIFIED": self = .modified(object)
      default: self = .deleted(object)
      }
    default: throw malformed("has the unknown type \(APIError.printable(type))")
    }
  }
}

/// Cuts the bytes of a watch into lines; a line may come in any number of pieces.
package struct WatchLines: Sendable {
  private var rest: [UInt8] = []
  private let sizeMax: Int

  /// Lines of at most that many bytes.
  package init(sizeMax: Int = ClientBounds.eventSizeMax) { self.sizeMax = sizeMax }

  /// Takes a piece and returns the lines that it completes, without their ends and without empty
  /// ones; nil when a line is too long.
  package mutating func take(_ piece: some Collection<UInt8>) -> [[UInt8]]? {
    var lines: [[UInt8]] = []
    var left = piece[...]
    while let end = left.firstIndex(of: 0x0A) {
      guard keep(left[..<end]) else { return nil }
      if !rest.isEmpty, rest != [0x0D] { lines.append(rest) }
      rest = []
      left = left[left.index(after: end)...]
    }
    return keep(left) ? lines : nil
  }

  /// Adds a part of a line; false when the line is too long.
  private mutating func keep(_ part: some Collection<UInt8>) -> Bool {
    guard rest.count + part.count <= sizeMax else { return false }
    rest += part
    return true
  }

  /// Bytes behind the last line end: half a line, when the stream is over.
  package var remainder: [UInt8] { rest }
}
