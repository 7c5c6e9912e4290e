package import WindlassCore

/// Is told what those who talk with an API server do, so that it can be counted.
///
/// Whoever tells it holds nothing up for it: it returns at once.
package protocol ClusterRecorder: Sendable {
  /// A request has ended.
  ///
  /// - Parameters:
  ///   - status: Of the answer; nil when there was none.
  ///   - duration: From when it was sent. A watch lasts as long as it is wanted.
  func requestEnded(_ verb: RequestVerb, status: Int?, after duration: Interval)

  /// A watch of such objects begins, the first of its informer or another one.
  func watchBegins(of type: ResourceType, isFirst: Bool)

  /// The own Lease was renewed.
  func leaseRenewed()

  /// A loop that goes on for as long as the process has taken a turn.
  func turned(_ loop: ClusterLoop)
}

/// Counts nothing.
package struct NoRecorder: ClusterRecorder {
  package init() {}
  package func requestEnded(_ verb: RequestVerb, status: Int?, after duration: Interval) {}
  package func watchBegins(of type: ResourceType, isFirst: Bool) {}
  package func leaseRenewed() {}
  package func turned(_ loop: ClusterLoop) {}
}

/// What requests do, in the words of roles.
package enum RequestVerb: String, CaseIterable, Hashable, Sendable {
  case get, list, watch, create, update, patch, delete
}

/// A loop that never ends by itself, and waits for no answer without a bound.
package enum ClusterLoop: Hashable, Sendable, CustomStringConvertible {
  /// Standing for election, and renewing the Lease once it is won.
  case election
  /// Following a collection.
  case informer(Selection)

  /// Such as `informer of pods in shop`.
  package var description: String {
    switch self {
    case .election: "election"
    case .informer(let selection):
      "informer of \(selection)" + (selection.labels.map { " (\($0))" } ?? "")
    }
  }
}

extension KubernetesClient.Order {
  /// What it does.
  var verb: RequestVerb {
    switch method {
    case "POST": .create
    case "PUT": .update
    case "PATCH": .patch
    case "DELETE": .delete
    case _ where path.query["watch"] != nil: .watch
    default: path.subject?.isSingle == false ? .list : .get
    }
  }
}
