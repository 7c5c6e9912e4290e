package import WindlassCore
package import WindlassWire

/// A Kubernetes API server in memory, on virtual time.
///
/// It answers requests as a real server does, and runs what a real cluster's control plane does
/// behind it (definitions become established, owned objects are collected, namespaces are emptied)
/// when the time for it has come. It has no clock of its own: each call says what time it is, and
/// time never goes back.
package struct SimulatedAPIServer: Sendable {
  /// The virtual time.
  package internal(set) var now: Timestamp
  var store = ObjectStore()
  /// Resources of the definitions that are established.
  var customTypes: [ResourceType] = []
  /// From which version on the server can tell a watch what happened to a resource.
  var cacheStarts: [String: Int64] = [:]
  var watches: [WatchIdentity: OpenWatch] = [:]
  /// Watches that were ever opened.
  var watchCount = 0
  var agenda = Agenda()
  var generator: SeededGenerator
  /// Who may sign in, by bearer token.
  var tokens: [String: UserIdentity] = [:]
  /// Whether requests without credentials are served as `system:anonymous`.
  package var allowsAnonymous = true
  /// Users whose requests are turned down with 429, as an overloaded server does.
  package var throttledUsers: Set<String> = []

  /// The second and third number of the first address of 127.0.0.0/8 that a Service gets.
  package var serviceNetwork: (UInt8, UInt8) = (96, 0)

  /// What users did, and were refused, while somebody wants to know; nil while nobody does.
  package var usedRights: Set<UsedRight>?

  /// How often each user asked for what.
  package internal(set) var requestCounts: [UsedRight: Int] = [:]

  /// Events that are kept before the older half is forgotten.
  package var historyMax: Int {
    get { store.historyMax }
    set { store.historyMax = newValue }
  }

  /// What goes wrong.
  package var faults = FaultPlan()
  /// Why the last pods of a ReplicaSet could not be made.
  var refusedPods: [ObjectKey: String] = [:]
  /// What turns of the controller of Jobs that are not at their end have counted.
  var jobCounts: [ObjectKey: JobTally.Counts] = [:]
  /// Whether the controllers of workloads and the garbage collector act only when they are told
  /// to, so that a test can choose the order of their writes.
  var areControllersLed = false

  /// An empty cluster; the seed makes uids and generated names.
  package init(at time: Timestamp, seed: UInt64 = 1) {
    now = time
    generator = SeededGenerator(seed: seed)
    for name in ["default", "kube-system"] { createNamespace(name) }
  }

  /// Answers a request that arrives at a time.
  package mutating func respond(to request: APIRequest, at time: Timestamp) -> APIResponse {
    advance(to: time)
    do throws(APIFailure) {
      return try route(request)
    } catch {
      return error.response
    }
  }

  /// Lets a user of all rights sign in with a token.
  package mutating func addAdministrator(_ name: String, token: String) {
    tokens[token] = UserIdentity(
      name: name, groups: ["system:masters", "system:authenticated"])
  }

  /// An object as it is kept, of a resource such as `deployments.apps`.
  package func stored(_ resource: String, in namespace: String, _ name: String) -> JSONValue? {
    store.objects[ObjectKey(resource: resource, namespace: namespace, name: name)]
  }

  /// The version of the last write.
  package var revision: Int64 { store.revision }

  /// Forgets the history up to now, as the database of a real cluster does every few minutes.
  package mutating func compact() { store.compact(through: store.revision) }

  /// Makes up a namespace with what controllers put into each.
  package mutating func createNamespace(_ name: String) {
    controllerCreate(
      ["kind": "Namespace", "metadata": ["name": .string(name)]], in: "", by: "kube-apiserver")
    advance(to: now)
  }

  /// A new uid.
  mutating func makeIdentity() -> String {
    let high = generator.next()
    let low = generator.next()
    let digits = hex(high) + hex(low)
    let parts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { range in
      String(Array(digits)[range])
    }
    return parts.joined(separator: "-")
  }

  private func hex(_ number: UInt64) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }

  /// Five characters for a generated name, without vowels and look-alikes.
  mutating func makeSuffix() -> String {
    let characters = Array("bcdfghjklmnpqrstvwxz2456789")
    return String((0..<5).map { _ in characters[Int(generator.next() % 27)] })
  }
}

/// Who sends a request.
struct UserIdentity: Hashable, Sendable {
  var name: String
  var groups: [String]
  var uid: String?

  /// The control plane itself.
  static let system = UserIdentity(name: "system:apiserver", groups: ["system:masters"])

  /// Anyone without credentials.
  static let anonymous = UserIdentity(
    name: "system:anonymous", groups: ["system:unauthenticated"])
}
