import Synchronization

/// The regular expression that a text has to match, and which texts were held against it already:
/// to read an expression anew for each text takes longer than everything else that a write costs.
final class TextPattern: Hashable, Sendable {
  /// Texts that are remembered before all are forgotten.
  private static let knownMax = 4_096

  let text: String
  private let known = Mutex<[String: Bool]>([:])

  init(_ text: String) { self.text = text }

  static func == (left: TextPattern, right: TextPattern) -> Bool { left.text == right.text }

  func hash(into hasher: inout Hasher) { hasher.combine(text) }

  /// Whether some part of a text matches; everything does where the expression can't be read.
  func matches(_ candidate: String) -> Bool {
    if let verdict = known.withLock({ $0[candidate] }) { return verdict }
    let verdict = judge(candidate)
    known.withLock { known in
      if known.count >= Self.knownMax { known = [:] }
      known[candidate] = verdict
    }
    return verdict
  }

  private func judge(_ candidate: String) -> Bool {
    guard let expression = try? Regex(text) else { return true }
    return candidate.firstMatch(of: expression) != nil
  }
}
