import Synchronization
import WindlassCore

/// Follows the Jobs and pods of all steps of a namespace, or of all namespaces, by one watch each,
/// and passes each change on to the watch of the service that it is about.
///
/// A connection for each service would be what a server runs out of first.
package final class StepFeed: Sendable {
  /// Which service's steps.
  fileprivate struct Subject: Hashable, Sendable {
    var namespace: String
    /// The label's value.
    var service: String

    init(namespace: String, service: String) {
      self.namespace = namespace
      self.service = service
    }

    init?(_ object: KubernetesObject) {
      guard let service = object.labels[StepLabel.service] else { return nil }
      self.init(namespace: object.namespace ?? "", service: service)
    }
  }

  /// Who is told.
  private final class Readers: Sendable {
    private let readers = Mutex<[Subject: [ObjectIdentifier: StepWatch]]>([:])

    func add(_ reader: StepWatch, of subject: Subject) {
      readers.withLock { $0[subject, default: [:]][ObjectIdentifier(reader)] = reader }
    }

    func remove(_ reader: StepWatch, of subject: Subject) {
      readers.withLock { readers in
        readers[subject]?[ObjectIdentifier(reader)] = nil
        if readers[subject]?.isEmpty == true { readers[subject] = nil }
      }
    }

    func all(about object: KubernetesObject) -> [StepWatch] {
      guard let subject = Subject(object) else { return [] }
      return readers.withLock { $0[subject].map { Array($0.values) } ?? [] }
    }
  }

  /// What all objects of steps have.
  private static let label = "app.kubernetes.io/name"
  private static let value = "windlass-step"

  private let jobs: Informer
  private let pods: Informer
  private let readers: Readers

  /// A feed of a namespace, or of all; `run` makes it follow.
  package init(_ client: KubernetesClient, in namespace: String?) {
    let readers = Readers()
    self.readers = readers
    let labels = "\(Self.label)=\(Self.value)"
    jobs = Informer(
      client, Selection(.jobs, in: namespace, labels: labels), resync: StepBounds.resync,
      trim: \.trimmedJob,
      handlers: [{ change in for reader in readers.all(about: change.object) { reader.tell() } }])
    pods = Informer(
      client, Selection(.pods, in: namespace, labels: labels), resync: StepBounds.resync,
      trim: \.trimmedPod,
      handlers: [
        { change in for reader in readers.all(about: change.object) { reader.take(change) } }
      ])
  }

  /// Follows until the task is cancelled.
  package func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.jobs.run() }
      group.addTask { await self.pods.run() }
    }
  }

  /// Whether all that there is was seen once.
  package var isSynced: Bool {
    get async {
      guard await jobs.isSynced else { return false }
      return await pods.isSynced
    }
  }

  /// Whether changes are told.
  var isCurrent: Bool {
    get async {
      guard await jobs.isCurrent else { return false }
      return await pods.isCurrent
    }
  }

  /// Tells a watch what there is of its service's steps, and from now on what changes.
  func join(_ reader: StepWatch) async {
    let subject = Subject(namespace: reader.namespace, service: reader.label)
    readers.add(reader, of: subject)
    // Within the informer's own turn: what is told here is never older than what was told before.
    await pods.retell(where: { Subject($0) == subject }, to: { reader.take($0) })
    reader.tell()
  }

  /// Tells a watch nothing more.
  func leave(_ reader: StepWatch) {
    readers.remove(reader, of: Subject(namespace: reader.namespace, service: reader.label))
  }

  /// Selects what is of no step.
  package static let othersSelector = "\(label)!=\(value)"
}
