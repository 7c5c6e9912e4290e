import WindlassCore

@testable import KubernetesFleet

/// Keeps in words what it is told, in the order in which it came.
struct WordRecorder: ClusterRecorder {
  private let words = Counter()

  var all: [String] { words.words }

  func count(_ word: String) -> Int { all.count { $0 == word } }

  func requestEnded(_ verb: RequestVerb, status: Int?, after duration: Interval) {
    words.add("\(verb.rawValue) \(status.map { "\($0)" } ?? "failed")")
  }

  func watchBegins(of type: KubernetesFleet.ResourceType, isFirst: Bool) {
    words.add("watches \(type.display)\(isFirst ? "" : " again")")
  }

  func leaseRenewed() { words.add("renewed") }

  func turned(_ loop: ClusterLoop) { words.add("turned \(loop)") }
}
