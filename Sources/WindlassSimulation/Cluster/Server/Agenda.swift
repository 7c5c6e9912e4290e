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

  /// Plans a task, unless it is planned already for that time or an earlier one.
  mutating func plan(_ task: Task, at time: Timestamp) {
    guard !items.contains(where: { $0.task == task && $0.time <= time }) else { return }
    let place = items.firstIndex { $0.time > time } ?? items.count
    items.insert((time, task), at: place)
  }

  /// When the next task is due.
  var next: Timestamp? { items.first?.time }

  /// Takes the first task that is due.
  mutating func take(due time: Timestamp) -> (time: Timestamp, task: Task)? {
    guard let first = items.first, first.time <= time else { return nil }
    return items.removeFirst()
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
