import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// A request of an operator, told so that the same one is found again in another run: what chance
/// or a digest puts into names is a star, and equal ones are numbered.
struct SeenRequest: Hashable, Sendable, CustomStringConvertible {
  /// Such as `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`.
  var verb: String
  /// With its group and subresource, such as `managedservices.windlass.dev/status`.
  var resource: String
  /// The object's name, or what selects the listed ones; empty for all of them.
  var name: String
  /// How many such requests there were before, in the world, and this one.
  var number = 0
  /// Whether it is a watch that begins with what there is.
  var isStreamedList = false
  /// Whether its operator stood still while it was on its way.
  var isLate = false

  /// Whether it changes something.
  var changes: Bool { !["get", "list", "watch"].contains(verb) }

  var description: String { "\(verb) \(resource) \(name) #\(number)" }

  init(_ request: HTTPRequest) {
    let start = request.url.firstRange(of: "://")?.upperBound ?? request.url.startIndex
    let target = request.url[start...].drop { $0 != "/" }
    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
    let query = parts.count > 1 ? parts[1] : ""
    var words = (parts.first ?? "").split(separator: "/").map(String.init)
    let group = words.first == "apis" && words.count > 1 ? words[1] : ""
    words.removeFirst(min(words.count, words.first == "apis" ? 3 : 2))
    if words.first == "namespaces", words.count > 2 { words.removeFirst(2) }
    resource = (words.first ?? "version") + (group.isEmpty ? "" : ".\(group)")
    if words.count > 2 { resource += "/\(words[2])" }
    let isSingle = words.count > 1
    name = isSingle ? words[1] : Self.selector(query)
    switch request.method {
    case "GET": verb = isSingle ? "get" : query.contains("watch=true") ? "watch" : "list"
    case "POST": verb = "create"
    case "PUT": verb = "update"
    case "PATCH": verb = "patch"
    default: verb = "delete"
    }
    isStreamedList = query.contains("sendInitialEvents=true")
    if request.method == "POST" {
      let body = request.body.flatMap { try? JSONValue.parse($0, limits: JSONLimits()) }
      name = body?.value(at: "/metadata/name")?.string ?? name
    }
    name = SteadyName.of(name, in: resource)
  }

  private static func selector(_ query: String) -> String {
    let pairs = query.split(separator: "&").filter { $0.hasPrefix("labelSelector=") }
    var text = pairs.first.map { String($0.dropFirst("labelSelector=".count)) } ?? ""
    for (code, plain) in [
      ("%2F", "/"), ("%3D", "="), ("%2C", ","), ("%21", "!"), ("%20", " "), ("%28", "("),
      ("%29", ")"),
    ] { text.replace(code, with: plain) }
    return text
  }
}

/// Names without what differs from run to run.
enum SteadyName {
  /// A name with a star for each part that is a digest or chance.
  static func of(_ name: String, in resource: String) -> String {
    var parts: [Substring] = []
    var ends: [Character] = []
    var start = name.startIndex
    for index in name.indices where "-._:/=,! ()".contains(name[index]) {
      parts.append(name[start..<index])
      ends.append(name[index])
      start = name.index(after: index)
    }
    parts.append(name[start...])
    var texts = parts.map { isChance($0) ? "*" : String($0) }
    // Of a pod's name the last part is chance, where it is no number, and the one before tells its
    // template.
    if resource == "pods", parts.count > 1, let last = parts.last, Int(last) == nil {
      texts[parts.count - 1] = "*"
      if parts[parts.count - 2].count >= 5 { texts[parts.count - 2] = "*" }
    }
    var text = ""
    for (index, part) in texts.enumerated() {
      text += part
      if index < ends.count { text.append(ends[index]) }
    }
    return text
  }

  private static func isChance(_ part: Substring) -> Bool {
    let hasNumber = part.contains(where: \.isNumber)
    let isHex = part.allSatisfy(\.isHexDigit)
    return (isHex && (part.count >= 8 || (part.count >= 4 && hasNumber)))
      || (part.count >= 5 && hasNumber)
  }
}

/// An event of a watch that came to an operator, told like a request.
struct SeenEvent: Hashable, Sendable, CustomStringConvertible {
  /// What is watched: the resource, and what selects its objects.
  var watch: String
  /// `ADDED`, `MODIFIED` or `DELETED`.
  var type: String
  /// The object's name.
  var name: String
  /// Whether it tells what was there when the watch began.
  var isInitial: Bool
  /// How many such events there were before, in the world, and this one.
  var number = 0
  /// The version of the object that it tells; it differs from run to run.
  var version: Int64 = 0

  var description: String { "\(isInitial ? "initial " : "")\(type) \(watch) \(name) #\(number)" }

  init(_ type: String, _ object: JSONValue, of watch: SeenRequest, isInitial: Bool) {
    self.isInitial = isInitial
    self.watch = watch.name.isEmpty ? watch.resource : "\(watch.resource) \(watch.name)"
    self.type = type
    let name = object.value(at: "/metadata/name")?.string ?? ""
    self.name = SteadyName.of(name, in: watch.resource)
    version = object.value(at: "/metadata/resourceVersion")?.string.flatMap { Int64($0) } ?? 0
  }

  /// The same whatever the version.
  var place: SeenEvent {
    var place = self
    place.version = 0
    return place
  }
}

/// What an operator did, and what it was told, in order.
enum Traffic: Hashable, Sendable {
  /// A request that the server carried out, and the status of its answer.
  case request(SeenRequest, status: Int)
  case event(SeenEvent)
}
