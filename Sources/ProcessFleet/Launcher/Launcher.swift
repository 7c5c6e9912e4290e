import CLinux
import Glibc
import WindlassCore

/// The launcher's loop: one thread that reads orders, carries them out, and reports.
final class Launcher {
  private let folder: LauncherFolder
  private let fleet: ShimFleet
  private let process: ProcessIdentity
  /// What an instance finds in its environment besides what its order says.
  private let environment: [String]
  private var orders = LauncherOrders()
  private var refusals: [InstanceID: StepFailure] = [:]
  private var taken: Set<InstanceID>
  private var trouble = ""
  private var isEnding = false
  private var told: LauncherReport?

  /// Goes on where an earlier launcher of the folder stopped.
  init(folder: LauncherFolder, fleet: ShimFleet, here: HostIdentity) throws(StepFailure) {
    self.folder = folder
    self.fleet = fleet
    process = ProcessIdentity(
      pid: getpid(), startTime: ProcessTable.startTime(of: getpid()) ?? 0, host: here)
    environment = Launcher.inherited()
    let last = try folder.loadReport()
    taken = Set(last?.taken ?? [])
    // What was told to be refused counts as dead since: it must not begin after all.
    for refusal in last?.refusals ?? [] { refusals[refusal.id] = refusal.failure }
  }

  /// Serves until it is told to end and nothing of it runs any more.
  func run() {
    while true {
      if !isEnding { takeOrders() }
      fleet.advance()
      report()
      if isEnding, fleet.reading().instances.allSatisfy({ $0.life != .alive }) { return }
      let pause = min(
        fleet.timeToNext() ?? .max, Bounds.launcherPollInterval.milliseconds)
      let signal = clinux_next_signal(Int32(max(1, pause)))
      if signal == SIGTERM || signal == SIGINT { end() }
    }
  }

  /// Everything of this process's environment but what tells of sockets that are not an instance's.
  private static func inherited() -> [String] {
    var entries: [String] = []
    var next = environ
    while let entry = next.pointee {
      entries.append(String(cString: entry))
      next += 1
    }
    return entries.filter { !$0.hasPrefix("LISTEN_") && !$0.hasPrefix(ShimFleet.cookieName) }
  }

  // MARK: Orders

  private func takeOrders() {
    do throws(StepFailure) {
      let orders = try folder.loadOrders()
      guard orders != self.orders || !trouble.isEmpty else { return }
      // Nothing starts without what it is to listen on.
      if !orders.listeners.isEmpty {
        try fleet.configure(orders.listeners, backlog: Bounds.publicBacklog)
      }
      trouble = ""
      self.orders = orders
    } catch {
      // What runs goes on running, who gives the orders is told, and the next look tries again.
      trouble = error.message
      return
    }
    for order in orders.orders { carryOut(order) }
    let named = Set(orders.orders.map(\.id))
    refusals = refusals.filter { named.contains($0.key) }
    taken.formIntersection(named)
  }

  private func carryOut(_ order: LauncherOrder) {
    do throws(StepFailure) {
      switch order.wish {
      case .run:
        guard refusals[order.id] == nil, fleet.reading().instance(order.id) == nil else { return }
        try start(order)
      case .stop: try fleet.stop(order.id, patience: order.patience)
      case .forget: try fleet.forget(order.id)
      }
    } catch {
      if order.wish == .run { refusals[order.id] = error }
    }
  }

  /// Executes the program through the descriptor whose bytes were verified.
  private func start(_ order: LauncherOrder) throws(StepFailure) {
    let executable: Descriptor
    do throws(SystemError) {
      executable = try Descriptor.checked(
        open(order.program, O_RDONLY | O_CLOEXEC), "open", order.program)
      let found = try FileDigest.digest(of: executable, order.program).digest
      guard found == order.digest else {
        throw SystemError("verify", order.program, number: EBADMSG)
      }
    } catch {
      throw error.failure(
        code: "ProgramRefused",
        next: "launcher and sidecar must see one folder of artifacts under one path, which nobody "
          + "else writes to", isPermanent: true)
    }
    let own = order.environment.map { $0.prefix { $0 != "=" } }
    let rest = environment.filter { entry in !own.contains(entry.prefix { $0 != "=" }) }
    try fleet.start(
      InstanceOrder(
        id: order.id, release: order.release, arguments: order.arguments,
        environment: rest + order.environment, directory: order.directory,
        isScript: order.isScript), executable: executable)
  }

  /// Ends everything: the container is being taken away.
  private func end() {
    isEnding = true
    for instance in fleet.reading().instances where instance.life == .alive {
      if !instance.isDraining { taken.insert(instance.id) }
      let patience = orders[instance.id]?.patience ?? Bounds.launcherPatience
      // Only an instance in doubt can't be told, and this one lives.
      try? fleet.stop(instance.id, patience: patience)
    }
  }

  // MARK: Report

  private func report() {
    let report = LauncherReport(
      sequence: orders.sequence, process: process, instances: fleet.reading().instances,
      refusals: refusals.sorted { $0.key < $1.key }.map {
        LauncherReport.Refusal(id: $0.key, failure: $0.value)
      }, taken: taken.sorted(), trouble: trouble)
    guard report != told else { return }
    do throws(StepFailure) {
      try folder.save(report)
      told = report
    } catch {
      // Written in a moment: what runs must not end because a disk is full.
      told = nil
    }
  }
}
