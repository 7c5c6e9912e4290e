import Glibc
import WindlassCore
import WindlassWire

/// The folder that a launcher and whoever gives it orders share: the orders, the report, and the
/// launcher's lock, records and logs.
struct LauncherFolder: Sendable {
  /// The launcher's records, logs and lock, which are a shim's.
  let directory: ShimDirectory

  /// Names a folder.
  init(path: String) { directory = ShimDirectory(path: Files.absolute(path)) }

  /// From the root on.
  var path: String { directory.path }
  /// Written by whoever gives orders, read by the launcher.
  var orders: String { path + "/orders.json" }
  /// Written by the launcher, read by whoever gives orders.
  var report: String { path + "/report.json" }

  /// Whether a launcher runs; not to be asked by the launcher itself, which would lose its lock.
  var isServed: Bool { directory.lockHolder() != nil }

  /// Makes the folder, open to its owner alone.
  func make() throws(StepFailure) {
    do throws(SystemError) {
      try directory.make()
    } catch {
      throw error.failure(
        code: "LauncherFolderFailed",
        next: "let launcher and sidecar run as one user, and let that user make \(path)")
    }
  }

  /// The newest orders; those before the first when there are none.
  func loadOrders() throws(StepFailure) -> LauncherOrders {
    guard let json = try load(orders) else { return LauncherOrders() }
    do throws(JSONFields.Mismatch) {
      return try LauncherOrders(json: json)
    } catch {
      throw unreadable(orders, error.description)
    }
  }

  /// The newest report; nil when no launcher ever wrote one.
  func loadReport() throws(StepFailure) -> LauncherReport? {
    guard let json = try load(report) else { return nil }
    do throws(JSONFields.Mismatch) {
      return try LauncherReport(json: json)
    } catch {
      throw unreadable(report, error.description)
    }
  }

  /// Makes orders durable, so that whoever reads them reads these or later ones.
  func save(_ orders: LauncherOrders) throws(StepFailure) { try save(orders.json, as: self.orders) }

  /// Makes a report durable.
  func save(_ report: LauncherReport) throws(StepFailure) { try save(report.json, as: self.report) }

  private func save(_ json: JSONValue, as path: String) throws(StepFailure) {
    do throws(SystemError) {
      try Files.replace(path, with: json.bytes + [0x0A], mode: 0o600)
    } catch {
      throw error.failure(code: "LauncherFolderFailed", next: "make room, and the file writable")
    }
  }

  private func load(_ path: String) throws(StepFailure) -> JSONValue? {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try Files.read(path, limit: Bounds.controlMessageMax)
    } catch {
      if error.number == ENOENT { return nil }
      throw error.failure(code: "LauncherFileUnreadable", next: "make the file readable")
    }
    do throws(JSONError) {
      return try JSONValue.parse(bytes, limits: JSONLimits(sizeMax: Bounds.controlMessageMax))
    } catch {
      throw unreadable(path, error.description)
    }
  }

  private func unreadable(_ path: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "LauncherFileUnreadable", disposition: .stop,
      message: "\(path) can't be used: \(reason). Let the launcher and the sidecar be of one "
        + "version; if they are, make sure that no instance runs, and delete the folder.")
  }
}
