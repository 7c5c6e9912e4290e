package import WindlassCore

/// What the control plane will do, by time; what is due at one time keeps its order.
struct Agenda: Sendable {
  /// One thing to do.
  enum Task: Hashable, Sendable {
    /// Accept the names of a definition and establish it.
    case establish(definition: String)
    /// Delete the objects of a definition that goes.
    case emptyDefinition(String)
    /// Let the definition go if its objects are gone.
    case finishDefinition(String)
    /// Look for objects whose owners are gone or go.
    case collect
    /// Delete what is in a namespace that goes, and the namespace when it is empty.
    case emptyNamespace(String)
    /// Put into a namespace what each one has.
    case furnishNamespace(String)
    /// Compare a Job with its pods.
    case syncJob(ObjectKey)
    /// Let go the pods of a Job that were noted as ended.
    case releaseJobPods(ObjectKey)
    /// Count the pods of a Job, and finish it when nothing is left to count.
    case countJob(ObjectKey)
    /// Delete a Job some time after its end.
    case expireJob(ObjectKey, uid: String)
    /// Let a controller of workloads look at an object.
    case turn(WorkloadController, ObjectKey)
    /// Delete a pod whose eviction was granted.
    case deleteEvicted(ObjectKey, uid: String, graceSeconds: Int64?)
    /// Remove a pod that was marked as gone.
    case removePod(ObjectKey, uid: String)
    /// Void the tokens of a ServiceAccount, by its uid.
    case voidTokens(String)
  }

  private var items: [(time: Timestamp, task: Task)] = []
  /// How much longer than planned the controller of Jobs, the garbage collector and the removal of
  /// pods wait, so that a test that knows their order lets each go when it should; zero for nobody.
  var patience = Interval.zero

  /// Plans a task, unless it is planned already for that time or an earlier one.
  mutating func plan(_ task: Task, at time: Timestamp) {
    guard !items.contains(where: { $0.task == task && $0.time <= time }) else { return }
    let place = items.firstIndex { $0.time > time } ?? items.count
    items.insert((time, task), at: place)
  }

  /// When the next task is due.
  var next: Timestamp? {
    guard patience > .zero else { return items.first?.time }
    return items.map(due).min()
  }

  /// Takes the first task that is due.
  mutating func take(due time: Timestamp) -> (time: Timestamp, task: Task)? {
    guard patience > .zero else {
      guard let first = items.first, first.time <= time else { return nil }
      return items.removeFirst()
    }
    guard let place = items.indices.min(by: { due(items[$0]) < due(items[$1]) }),
      due(items[place]) <= time
    else { return nil }
    let item = items.remove(at: place)
    return (due(item), item.task)
  }

  private func due(_ item: (time: Timestamp, task: Task)) -> Timestamp {
    item.task.canWait ? item.time + min(patience, item.task.patienceMax) : item.time
  }

  /// Tasks that a test may let go, in the order of their times, up to a time.
  func waiting(until time: Timestamp) -> [Task] {
    items.filter { $0.task.canWait && $0.time <= time }.map(\.task)
  }

  /// Takes a task off.
  mutating func remove(_ task: Task) {
    guard let place = items.firstIndex(where: { $0.task == task }) else { return }
    items.remove(at: place)
  }
}

extension SimulatedAPIServer {
  /// Lets time pass: what the control plane has to do until then is done, each at its time.
  package mutating func advance(to time: Timestamp) {
    while let due = agenda.take(due: time) {
      now = max(now, due.time)
      perform(due.task)
    }
    now = max(now, time)
  }

  /// When the control plane has something to do next; nil when it waits for a request.
  package var nextTask: Timestamp? { agenda.next }

  /// Does a planned task now, whenever it was planned for.
  mutating func letGo(_ task: Agenda.Task) {
    agenda.remove(task)
    perform(task)
  }

  private mutating func perform(_ task: Agenda.Task) {
    switch task {
    case .establish(let name): establishDefinition(name)
    case .emptyDefinition(let name): emptyDefinition(name)
    case .finishDefinition(let name): finishDefinition(name)
    case .collect: collectGarbage()
    case .emptyNamespace(let name): emptyNamespace(name)
    case .furnishNamespace(let name): furnishNamespace(name)
    case .syncJob(let key): syncJob(key)
    case .releaseJobPods(let key): releaseJobPods(key)
    case .countJob(let key): countJob(key)
    case .expireJob(let key, let uid): expireJob(key, uid)
    case .turn(let controller, let key): takeTurn(controller, key)
    case .deleteEvicted(let key, let uid, let seconds): deleteEvicted(key, uid, seconds)
    case .removePod(let key, let uid): removeGonePod(key, uid)
    case .voidTokens(let uid): tokens = tokens.filter { $0.value.uid != uid }
    }
  }
}

extension Agenda.Task {
  /// The longest that the task may wait for its turn.
  fileprivate var patienceMax: Interval {
    if case .collect = self { return .milliseconds(40) }
    return .seconds(1)
  }

  /// Whether the task is one whose turn is chance in a real cluster: of the controller of Jobs, of
  /// the garbage collector, or the removal of a pod.
  fileprivate var canWait: Bool {
    switch self {
    case .syncJob, .releaseJobPods, .countJob, .removePod, .collect: true
    case .establish, .emptyDefinition, .finishDefinition, .emptyNamespace, .furnishNamespace,
      .expireJob, .turn, .deleteEvicted, .voidTokens:
      false
    }
  }
}
