import Foundation
import WindlassCore
import WindlassWire

/// Compares a recorded answer with ours, apart from what differs from run to run.
struct Comparison {
  var translation: Translation
  /// What differs.
  var differences: [String] = []

  init(_ translation: Translation) { self.translation = translation }

  private mutating func note(_ difference: String?, _ path: String) {
    if let difference { differences.append("\(path): \(difference)") }
  }

  /// Compares two values; `key` is the name of the member that holds them.
  mutating func compare(
    _ recorded: JSONValue, _ ours: JSONValue, key: String = "", path: String = ""
  ) {
    switch (recorded, ours) {
    case (.object(let left), .object): compareObjects(recorded, left, ours, key, path)
    case (.array(let left), .array(let right)) where left.count == right.count:
      if key == "causes" {
        compareCauses(left, right, path)
      } else {
        for (index, pair) in pairs(left, right, key).enumerated() {
          compare(pair.0, pair.1, key: key, path: "\(path)/\(index)")
        }
      }
    case (.string(let left), .string(let right)): compareTexts(left, right, key, path)
    default:
      if recorded != ours { note("\(short(ours)) instead of \(short(recorded))", path) }
    }
  }

  /// The items of two lists, as they belong together. Lists are sorted by names, some of which are
  /// generated, and managers by the times of their writes.
  private func pairs(
    _ left: [JSONValue], _ right: [JSONValue], _ key: String
  ) -> [(JSONValue, JSONValue)] {
    switch key {
    case "items":
      let name = { (item: JSONValue) in item.value(at: "/metadata/name")?.string ?? "" }
      let order = left.map { translation.text(name($0)) }
      let known = right.map(name)
      guard order.allSatisfy(known.contains), Set(order).count == order.count else { break }
      return zip(left, order).compactMap { item, name in
        known.firstIndex(of: name).map { (item, right[$0]) }
      }
    case "managedFields":
      let words = { (entry: JSONValue) in
        ["manager", "operation", "subresource", "apiVersion"].map { entry[$0]?.string ?? "" }
      }
      let sorted = { (entries: [JSONValue]) in
        entries.sorted { words($0).lexicographicallyPrecedes(words($1)) }
      }
      return Array(zip(sorted(left), sorted(right)))
    default: break
    }
    return Array(zip(left, right))
  }

  private func short(_ value: JSONValue) -> String { String(value.text.prefix(300)) }

  private mutating func compareObjects(
    _ recorded: JSONValue, _ members: [JSONMember], _ ours: JSONValue, _ key: String,
    _ path: String
  ) {
    // A name that the server made is known by the beginning that it was made from.
    if recorded["generateName"] != nil, let left = recorded["name"]?.string,
      let right = ours["name"]?.string
    {
      note(translation.bind(left, right), path)
    }
    for member in members {
      // The keys of items by uid hold uids.
      let name = translation.text(member.name)
      guard let other = ours[name] else {
        note("no \(name), which was \(short(member.value))", path)
        continue
      }
      if key == "details" || key.isEmpty, member.name == "message", hasManyCauses(recorded) {
        continue
      }
      compare(member.value, other, key: member.name, path: "\(path)/\(name)")
    }
    let known = Set(members.map { translation.text($0.name) })
    for member in ours.object ?? [] where !known.contains(member.name) {
      note("\(member.name) is too much: \(short(member.value))", path)
    }
  }

  /// Errors of a schema come in any order: their texts are compared one by one, and the message
  /// that holds them all by its length.
  private func hasManyCauses(_ status: JSONValue) -> Bool {
    status["reason"]?.string == "Invalid"
      && (status.value(at: "/details/causes")?.array?.count ?? 0) > 2
  }

  private mutating func compareCauses(
    _ left: [JSONValue], _ right: [JSONValue], _ path: String
  ) {
    let order = { (causes: [JSONValue]) in
      causes.sorted { ($0["field"]?.string ?? "", $0.text) < ($1["field"]?.string ?? "", $1.text) }
    }
    for (index, pair) in zip(order(left), order(right)).enumerated() {
      compare(pair.0, pair.1, key: "cause", path: "\(path)/\(index)")
    }
  }

  private static let times: Set<String> = [
    "creationTimestamp", "deletionTimestamp", "time", "lastTransitionTime", "lastUpdateTime",
    "lastHeartbeatTime", "startTime", "completionTime", "startedAt", "finishedAt",
    "expirationTimestamp",
  ]

  private static let anything: Set<String> = ["serverAddress", "serverRelativeURL"]

  private mutating func compareTexts(
    _ recorded: String, _ ours: String, _ key: String, _ path: String
  ) {
    switch key {
    case "resourceVersion": note(translation.bindVersion(recorded, ours), path)
    case "continue": note(translation.bindPage(recorded, ours), path)
    case "uid": note(translation.bind(recorded, ours), path)
    case _ where Self.anything.contains(key): break
    case _ where Self.times.contains(key):
      if (Timestamp(rfc3339: recorded) == nil) != (Timestamp(rfc3339: ours) == nil) {
        note("\(ours) is no time as \(recorded)", path)
      }
    case _ where key.hasPrefix("deployment.kubernetes.io/"):
      if recorded != ours { note("\(ours) instead of \(recorded)", path) }
    case _ where recorded.hasPrefix("<a ") && recorded.hasSuffix(">"):
      if ours.isEmpty { note("nothing instead of \(recorded)", path) }
    default: comparePlain(recorded, ours, path)
    }
  }

  /// Compares texts that may hold uids, names and versions.
  private mutating func comparePlain(_ recorded: String, _ ours: String, _ path: String) {
    if recorded == ours { return }
    bindIdentities(recorded, ours)
    translation.bindHashes(recorded, ours)
    let wanted = translation.text(recorded)
    if wanted == ours { return }
    let left = Self.pieces(wanted)
    let right = Self.pieces(ours)
    guard left.count == right.count else {
      note("\(ours) instead of \(recorded)", path)
      return
    }
    for (first, second) in zip(left, right) where first != second {
      let isVersion = Int64(first) != nil && Int64(second) != nil
      let fault = isVersion ? translation.bindVersion(first, second) : "another text"
      guard fault == nil else {
        note("\(ours.prefix(600)) instead of \(recorded.prefix(600))", path)
        return
      }
    }
  }

  /// Uids inside texts are bound where they stand at the same place.
  private mutating func bindIdentities(_ recorded: String, _ ours: String) {
    let uid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/
    let left = recorded.matches(of: uid).map { String($0.output) }
    let right = ours.matches(of: uid).map { String($0.output) }
    guard left.count == right.count else { return }
    for (first, second) in zip(left, right) where first != second {
      _ = translation.bind(first, second)
    }
  }

  /// A text as runs of digits and of everything else.
  private static func pieces(_ text: String) -> [String] {
    var pieces: [String] = []
    var wasDigit: Bool?
    for character in text {
      let isDigit = character.isASCII && character.isNumber
      if isDigit == wasDigit {
        pieces[pieces.count - 1].append(character)
      } else {
        pieces.append(String(character))
        wasDigit = isDigit
      }
    }
    return pieces
  }

  /// Compares YAML line by line, each line as a member and its value.
  mutating func compareYAML(_ recorded: String, _ ours: String) {
    let left = recorded.split(separator: "\n", omittingEmptySubsequences: false)
    let right = ours.split(separator: "\n", omittingEmptySubsequences: false)
    guard left.count == right.count else {
      note("\(right.count) lines instead of \(left.count)", "")
      return
    }
    for (index, pair) in zip(left, right).enumerated() {
      let first = Self.sides(pair.0)
      let second = Self.sides(pair.1)
      note(first.head == second.head ? nil : "\(second.head) instead of \(first.head)", "\(index)")
      if first.head.hasSuffix("name"), index > 1,
        left[..<index].suffix(12).contains(where: {
          $0.contains("generateName")
        }), first.value.hasPrefix("gen-")
      {
        note(translation.bind(first.value, second.value), "\(index)")
      }
      let key = String(first.head.drop { $0 == " " || $0 == "-" })
      compareTexts(first.value, second.value, key, "line \(index)")
    }
  }

  private static func sides(_ line: Substring) -> (head: String, value: String) {
    guard let range = line.firstRange(of: ": ") else { return (String(line), "") }
    return (
      String(line[..<range.lowerBound]),
      line[range.upperBound...].filter { $0 != "\"" }
    )
  }
}
