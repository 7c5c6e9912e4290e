package import WindlassCore

/// What whoever owns a roll asks of the gate.
package struct GateQuestion: Hashable, Sendable {
  /// What it is about.
  package enum Kind: Hashable, Sendable {
    /// Whether an instance may be started.
    case start
    /// Whether what runs is to be taken back.
    case rollback
  }

  /// The release that it is about.
  package enum Subject: Hashable, Sendable {
    case version(Version)
    /// The one whose image the workload's template names at the moment of the answer.
    case template
  }

  package let namespace: String
  package let service: String
  package let kind: Kind
  package let subject: Subject

  /// How a request was understood.
  enum Reading: Hashable, Sendable {
    case question(GateQuestion)
    /// It is about the gate, and asks nothing that could be answered.
    case refused(GateAnswer)
  }

  private static let root = "/gate/"
  private static let nameLengthMax = 253

  /// Reads `/gate/NAMESPACE/SERVICE?version=V`, or with `/rollback` before the query; nil for what
  /// is not about the gate.
  static func read(_ target: String) -> Reading? {
    let path = target.prefix { $0 != "?" }
    guard path.hasPrefix(root) else { return nil }
    let parts = path.dropFirst(root.count).split(
      separator: "/", omittingEmptySubsequences: false)
    let isRollback = parts.count == 3 && parts[2] == "rollback"
    guard parts.count == 2 || isRollback, parts.prefix(2).allSatisfy(isName) else {
      return .refused(
        GateAnswer(404, "NoSuchGate", "Ask /gate/NAMESPACE/SERVICE?version=VERSION."))
    }
    guard let text = version(in: target.dropFirst(path.count)) else {
      return .refused(
        GateAnswer(
          400, "NoVersion",
          "Ask with ?version= and a version such as 1.2.3, or the word template for the one that "
            + "the workload's template names."))
    }
    let subject: Subject
    if text == "template" {
      subject = .template
    } else if let version = Version(text) {
      subject = .version(version)
    } else {
      return .refused(GateAnswer(400, "NoVersion", "What is asked for is no version."))
    }
    return .question(
      GateQuestion(
        namespace: String(parts[0]), service: String(parts[1]),
        kind: isRollback ? .rollback : .start, subject: subject))
  }

  /// Whether it can be the name of an object.
  private static func isName(_ text: Substring) -> Bool {
    (1...nameLengthMax).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x2D, 0x2E, 0x30...0x39, 0x61...0x7A: true
        default: false
        }
      }
  }

  /// The one value of `version` in a query; nil without one, and with several.
  private static func version(in query: Substring) -> String? {
    let values = query.dropFirst().split(separator: "&").compactMap { pair -> String? in
      let name = pair.prefix { $0 != "=" }
      guard name == "version", name.endIndex < pair.endIndex else { return nil }
      return try? PercentText.decoded(pair[pair.index(after: name.endIndex)...])
    }
    return values.count == 1 && !values[0].isEmpty ? values[0] : nil
  }
}
