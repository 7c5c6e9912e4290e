import Foundation
import WindlassCore
import WindlassWire

/// Which of our values stand for the recording's, for values that differ from run to run.
///
/// Each recorded version, uid, generated name and token has exactly one of ours, and versions keep
/// their order.
struct Translation {
  private var names: [String: String] = [:]
  private var namesBack: [String: String] = [:]
  /// The same names, the longest first.
  private var ordered: [(recorded: String, ours: String)] = []
  private var versions: [Int64: Int64] = [:]
  /// Recorded tokens of list pages, and ours.
  private var pages: [String: String] = [:]

  // MARK: - Binding

  /// Binds a uid or a name; returns what contradicts that.
  mutating func bind(_ recorded: String, _ ours: String) -> String? {
    if let known = names[recorded] {
      return known == ours ? nil : "\(recorded) was \(known) before and is \(ours) now"
    }
    if let known = namesBack[ours] { return "\(ours) stands for \(known) and \(recorded)" }
    names[recorded] = ours
    namesBack[ours] = recorded
    if recorded != ours {
      let place = ordered.firstIndex { $0.recorded.count < recorded.count } ?? ordered.count
      ordered.insert((recorded, ours), at: place)
    }
    return nil
  }

  /// Binds the hashes of templates that stand at the same places in two texts.
  mutating func bindHashes(_ recorded: String, _ ours: String) {
    let left = Self.hashes(in: recorded)
    let right = Self.hashes(in: ours)
    guard left.count == right.count else { return }
    for (first, second) in zip(left, right) where names[first] == nil && namesBack[second] == nil {
      _ = bind(first, second)
    }
  }

  /// What stands behind the last dashes of generated names, or alone.
  private static func hashes(in text: String) -> [String] {
    let hash = /(?:^|-)([bcdfghjklmnpqrstvwxz2456789]{7,10})(?=$|[^a-z0-9])/
    return text.matches(of: hash).map { String($0.output.1) }
  }

  /// Binds a version; returns what contradicts that.
  mutating func bindVersion(_ recorded: String, _ ours: String) -> String? {
    if recorded == ours, Int64(recorded).map({ $0 < 6 }) ?? true { return nil }
    guard let theirs = Int64(recorded), let mine = Int64(ours) else {
      return "version \(ours) for \(recorded)"
    }
    if let known = versions[theirs] {
      return known == mine ? nil : "version \(theirs) was \(known) before and is \(mine) now"
    }
    let before = versions.filter { $0.key < theirs }.max { $0.key < $1.key }
    let after = versions.filter { $0.key > theirs }.min { $0.key < $1.key }
    if let before, before.value >= mine {
      return "version \(theirs) is \(mine), but \(before.key) is \(before.value)"
    }
    if let after, after.value <= mine {
      return "version \(theirs) is \(mine), but \(after.key) is \(after.value)"
    }
    versions[theirs] = mine
    return nil
  }

  /// Binds the token of a next page.
  mutating func bindPage(_ recorded: String, _ ours: String) -> String? {
    if recorded.isEmpty || ours.isEmpty { return recorded == ours ? nil : "another continue" }
    pages[recorded] = ours
    return nil
  }

  // MARK: - Translating requests

  /// Our version for a recorded one; for one that was never seen, that of the last one before it.
  func version(_ text: String, current: Int64) -> String {
    guard let recorded = Int64(text), recorded > 5, recorded < 9_000_000 else { return text }
    if let known = versions[recorded] { return String(known) }
    let before = versions.filter { $0.key < recorded }.max { $0.key < $1.key }
    return String(before?.value ?? current)
  }

  /// A recorded text with our names and uids in it.
  func text(_ text: String) -> String {
    var result = text
    // A longer name may hold a shorter one.
    for (recorded, ours) in ordered where result.contains(recorded) {
      result = result.replacingOccurrences(of: recorded, with: ours)
    }
    return result
  }

  func path(_ path: String, current: Int64) -> String {
    let parts = path.split(separator: "?", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return text(path) }
    let query = parts[1].split(separator: "&").map { pair -> String in
      let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
      guard sides.count == 2 else { return String(pair) }
      switch sides[0] {
      case "resourceVersion": return "\(sides[0])=\(version(sides[1], current: current))"
      case "continue": return "\(sides[0])=\(pages[sides[1]] ?? sides[1])"
      default: return text(String(pair))
      }
    }
    return "\(text(parts[0]))?\(query.joined(separator: "&"))"
  }

  func body(_ value: JSONValue, current: Int64, key: String = "") -> JSONValue {
    switch value {
    case .object(let members):
      return .object(
        members.map {
          JSONMember($0.name, body($0.value, current: current, key: $0.name))
        })
    case .array(let elements):
      return .array(elements.map { body($0, current: current, key: key) })
    case .string(let string):
      if key == "resourceVersion" { return .string(version(string, current: current)) }
      return .string(text(string))
    default: return value
    }
  }
}

extension JSONValue {
  /// The text as Python writes it, with spaces behind commas and colons; some answers quote it.
  var spacedText: String {
    switch self {
    case .object(let members):
      "{"
        + members.map { "\(JSONValue.string($0.name).text): \($0.value.spacedText)" }
        .joined(separator: ", ") + "}"
    case .array(let elements):
      "[" + elements.map(\.spacedText).joined(separator: ", ") + "]"
    default: text
    }
  }
}
