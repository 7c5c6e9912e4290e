import Synchronization
package import WindlassCore
import WindlassWire

/// Why a service is not driven: another one was there first.
package struct ServiceRival: Hashable, Sendable {
  /// `deployments.apps shop/web`, or the database.
  package var subject: String
  /// The service that has it.
  package var holder: ObjectKey

  /// What is wrong with the second service, and what to do.
  package func block(_ service: ServiceName) -> Block {
    Block(
      code: "SharedWithAnother",
      message: "\(service) is about \(subject), which ManagedService \(holder) has already:"
        + " two of them would upgrade it over each other, so that this one does nothing. Delete one"
        + " of the two, or name another workload and database")
  }
}

/// Who has which workload and which database: of several services the one that is longest there,
/// and before it the one that is at work on it.
///
/// A workload and a Secret are known by their names. That two Secrets lead to one database shows
/// only when it is read; nothing is decided for the second service before.
package final class ServiceClaims: Sendable {
  fileprivate struct State: Sendable {
    /// As their objects wish, by uid.
    var wished: [String: ManagedService] = [:]
    /// As they are driven: an open run goes by an older wish.
    var driven: [String: ManagedService] = [:]
    /// The uids of both, by what each has.
    var claimants: [Claim: Set<String>] = [:]
    var drivers: [Claim: Set<String>] = [:]
    /// What tells the database from others in which the ledger was read.
    var databases: [String: String] = [:]
  }
  private let state = Mutex(State())

  package init() {}

  /// Notes all services that there are now, and forgets the others.
  package func note(_ services: [ManagedService]) {
    state.withLock { state in
      state.note(services)
      let known = Set(state.wished.keys).union(state.driven.keys)
      state.databases = state.databases.filter { known.contains($0.key) }
    }
  }

  /// The service that has this one's workload or database by the same name; nil when none has.
  package func rival(of service: ManagedService) -> ServiceRival? {
    state.withLock { $0.rival(of: service) }
  }

  /// Takes workload and database for the time that a service is driven.
  ///
  /// - Returns: The service that has one of them; then nothing was taken.
  package func begin(_ service: ManagedService) -> ServiceRival? {
    state.withLock { state in
      if let rival = state.rival(of: service) { return rival }
      state.begin(service)
      return nil
    }
  }

  /// Gives back what was taken.
  package func end(_ service: ManagedService) {
    state.withLock { $0.end(service) }
  }

  /// Notes which database a service's ledger was read in.
  ///
  /// - Parameter database: What tells it from others; nil to ask by what was read last.
  /// - Throws: With `.wait` when another service has it.
  package func claim(_ database: String?, for service: ManagedService) throws(StepFailure) {
    let holder = state.withLock { state -> ManagedService? in
      let uid = service.uid
      state.databases[uid] = database ?? state.databases[uid]
      guard let database = state.databases[uid], !database.isEmpty else { return nil }
      let others = state.databases.filter { $0.value == database }.keys
      return others.compactMap { state.wished[$0] }.first { $0.isElder(than: service) }
    }
    guard let holder else { return }
    let block = ServiceRival(subject: "a database", holder: holder.key).block(service.name)
    throw StepFailure(code: block.code, disposition: .wait, message: block.message)
  }
}

extension ServiceClaims.State {
  /// Notes which services there are, and by what each claims its workload and its database.
  fileprivate mutating func note(_ services: [ManagedService]) {
    wished = Dictionary(services.map { ($0.uid, $0) }) { first, _ in first }
    claimants = [:]
    for (uid, service) in wished {
      for claim in service.claims { claimants[claim, default: []].insert(uid) }
    }
  }

  /// The services that are driven, and then the elders, that have a claim in common with this one:
  /// those on its workload first.
  fileprivate func rival(of service: ManagedService) -> ServiceRival? {
    for claim in service.claims {
      let atWork = (drivers[claim] ?? []).compactMap { driven[$0] }
      let elders = (claimants[claim] ?? []).compactMap { wished[$0] }
        .filter { $0.isElder(than: service) }
      let others = atWork.filter { $0.uid != service.uid } + elders
      if let other = others.first {
        return ServiceRival(subject: claim.subject, holder: other.key)
      }
    }
    return nil
  }

  fileprivate mutating func begin(_ service: ManagedService) {
    driven[service.uid] = service
    for claim in service.claims { drivers[claim, default: []].insert(service.uid) }
  }

  fileprivate mutating func end(_ service: ManagedService) {
    guard let driven = driven.removeValue(forKey: service.uid) else { return }
    for claim in driven.claims {
      drivers[claim]?.remove(service.uid)
      if drivers[claim]?.isEmpty == true { drivers[claim] = nil }
    }
  }
}

/// What only one service may have.
private enum Claim: Hashable, Sendable {
  case workload(ObjectReference)
  case secret(namespace: String, name: String, key: String)

  /// As it is told.
  var subject: String {
    switch self {
    case .workload(let reference): reference.description
    case .secret(let namespace, let name, let key):
      "the database of Secret \(namespace)/\(name), key \(key),"
    }
  }
}

extension ManagedService {
  /// What it must be the only one to have.
  fileprivate var claims: [Claim] {
    var claims = [Claim.workload(place.reference)]
    if let secret = spec.database.urlFrom.secretKeyRef {
      claims.append(.secret(namespace: namespace, name: secret.name, key: secret.key))
    }
    return claims
  }

  /// Whether it was there first; of two that came in one second one is chosen, always the same.
  fileprivate func isElder(than other: ManagedService) -> Bool {
    uid != other.uid && (created, uid) < (other.created, other.uid)
  }
}
