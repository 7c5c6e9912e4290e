package import WindlassWire

/// Something that goes wrong between a client and the API server, or in the server's admission.
package struct ClusterFault: Hashable, Sendable {
  /// Which of the requests that it is about it strikes.
  package enum When: Hashable, Sendable {
    case always
    /// The request of that number alone, from 1.
    case only(Int)
    /// So many requests from the first one on.
    case first(Int)
    /// So many of a hundred, by the seed of the plan.
    case chance(percent: Int)
  }

  /// What goes wrong.
  package enum Kind: Hashable, Sendable {
    /// The request never reaches the server, and no answer comes.
    case loseRequest
    /// The server does what is asked, and the answer is lost.
    case loseReply
    /// The server takes the request and sends no byte, and does nothing.
    case hang
    /// A plain refusal: 409, 429 or any 5xx.
    case refuse(status: Int, retryAfterSeconds: Int64?)
    /// 403, as if the user lacked the verb.
    case forbid
    /// 410, for watches and for lists that are continued.
    case expire
    /// Reads that allow it (`resourceVersion=0`) show what was there at an earlier version.
    case stale(version: Int64)
    /// Lists, and watches that begin with what there is, show an earlier version even to whoever
    /// asks for the newest: what no real server does, and whoever reads must survive all the same.
    case rewind(version: Int64)

    /// The event of that number of a watch, from 0, is never sent.
    case dropEvent(Int)
    /// The event is sent twice.
    case duplicateEvent(Int)
    /// The event is sent after the one that follows it.
    case delayEvent(Int)
    /// The watch ends amid the line of that event.
    case cutEvent(Int)
    /// The watch falls silent before that event, and is never ended by the server.
    case silence(before: Int)
    /// The watch ends with 410 before that event.
    case expireEvent(Int)
    /// No bookmarks come, but for the one that ends the initial events.
    case noBookmarks
    /// A bookmark follows each event.
    case manyBookmarks

    /// A webhook changes what is written, by a merge patch.
    case mutate(JSONValue)
    /// A webhook refuses what is written.
    case reject(String)
    /// A webhook does not answer.
    case webhookDown
    /// A quota of the namespace is used up.
    case exceedQuota
  }

  /// Verbs that it is about; none means all.
  package var verbs: Set<String>
  /// The resource with its group, such as `jobs.batch`; nil means all.
  package var resource: String?
  /// The object's name; nil means all.
  package var name: String?
  /// The user whose requests it is about; nil means all, the controllers of the cluster included.
  package var user: String?
  /// Which of these requests it strikes.
  package var when: When
  /// What goes wrong.
  package var kind: Kind

  /// A fault; without more it strikes every request that its kind can happen to.
  package init(
    _ kind: Kind, verbs: Set<String> = [], resource: String? = nil, name: String? = nil,
    user: String? = nil, when: When = .always
  ) {
    self.kind = kind
    self.verbs = verbs
    self.resource = resource
    self.name = name
    self.user = user
    self.when = when
  }

  /// Whether it is about a request.
  func concerns(_ call: Call) -> Bool {
    (verbs.isEmpty || verbs.contains(call.verb))
      && (resource == nil || resource == call.type.qualified)
      && (name == nil || name == call.name) && (user == nil || user == call.user.name)
      && kind.fits(call)
  }
}

extension ClusterFault.Kind {
  /// Where a fault strikes.
  enum Stage: Hashable, Sendable { case request, stream, admission }

  var stage: Stage {
    switch self {
    case .loseRequest, .loseReply, .hang, .refuse, .forbid, .expire, .stale, .rewind: .request
    case .dropEvent, .duplicateEvent, .delayEvent, .cutEvent, .silence, .expireEvent,
      .noBookmarks, .manyBookmarks:
      .stream
    case .mutate, .reject, .webhookDown, .exceedQuota: .admission
    }
  }

  /// Whether the fault can happen to a request.
  func fits(_ call: Call) -> Bool {
    switch self {
    case .expire:
      call.verb == "watch" || (call.verb == "list" && !(call.target["continue"] ?? "").isEmpty)
    case .stale:
      ["get", "list", "watch"].contains(call.verb) && call.target["resourceVersion"] == "0"
    case .rewind: call.verb == "list" || (call.verb == "watch" && call.beginsWithState)
    case .exceedQuota: call.verb == "create"
    default: stage != .stream || call.verb == "watch"
    }
  }
}

extension Call {
  /// Whether a watch tells what there is before what happens.
  fileprivate var beginsWithState: Bool {
    target.flag("sendInitialEvents") || ["", "0"].contains(target["resourceVersion"] ?? "")
  }
}

/// The faults of a cluster, in order, with the dice that some of them need.
package struct FaultPlan: Sendable {
  /// A fault that struck.
  package struct Strike: Hashable, Sendable {
    /// The fault.
    package var fault: ClusterFault
    /// The request that it struck, as method and path.
    package var request: String
  }

  private let faults: [ClusterFault]
  /// How many requests each fault has met.
  private var counts: [Int]
  private var dice: SeededGenerator
  /// All that struck, in order.
  package private(set) var strikes: [Strike] = []

  /// A plan; the seed decides where faults by chance strike.
  package init(_ faults: [ClusterFault] = [], seed: UInt64 = 1) {
    self.faults = faults
    counts = faults.map { _ in 0 }
    dice = SeededGenerator(seed: seed)
  }

  /// The faults that strike a request at a stage.
  mutating func strike(_ call: Call, _ stage: ClusterFault.Kind.Stage) -> [ClusterFault.Kind] {
    guard !faults.isEmpty else { return [] }
    var kinds: [ClusterFault.Kind] = []
    for (index, fault) in faults.enumerated()
    where fault.kind.stage == stage && fault.concerns(call) {
      counts[index] += 1
      let strikes =
        switch fault.when {
        case .always: true
        case .only(let number): counts[index] == number
        case .first(let count): counts[index] <= count
        case .chance(let percent): dice.percent(percent)
        }
      guard strikes else { continue }
      kinds.append(fault.kind)
      self.strikes.append(
        Strike(fault: fault, request: "\(call.request.method) \(call.request.path)"))
    }
    return kinds
  }
}
