import Glibc
import Testing
import WindlassWire

/// A database and a listener that several Beacons share, as under a shim.
final class BeaconStage {
  let database: BeaconDatabase
  let port: UInt16
  private let listener: CInt

  /// Makes the database with the honest migrations up to `schema`.
  init(schema: Int, engine: BeaconEngine = .sqlite) async throws {
    database = try await BeaconDatabase(engine)
    (listener, port) = try BeaconStage.listen()
    try migrate(from: 1, to: schema)
  }

  deinit { close(listener) }

  /// Applies migrations, and moves the ledger to the last.
  func migrate(from first: Int, to last: Int) throws {
    var text = ""
    for version in first...last {
      text += try BeaconStage.migration(version, database.engine)
    }
    try database.run(text, ledger: last)
  }

  /// Starts a Beacon on the shared listener and a private one, and waits until it serves.
  func start(_ release: String, faultAfter: Int = 300) async throws -> Program {
    let beacon = try launch(release, faultAfter: faultAfter)
    try await eventually("Beacon \(release)") {
      // Read first: one with a fault may have served, and ended, since the last look.
      let isRunning = beacon.isRunning
      if beacon.text.contains("serving on") { return true }
      try #require(isRunning, "Beacon \(release) ended: \(beacon.text)")
      return false
    }
    return beacon
  }

  /// Starts a Beacon that may not come to serve.
  func launch(_ release: String, faultAfter: Int = 300) throws -> Program {
    let (privateListener, _) = try BeaconStage.listen()
    defer { close(privateListener) }
    return try Program(
      "beacon",
      ["serve", "--release", release, "--drain", "20000", "--fault-after", "\(faultAfter)"],
      environment: ["BEACON_DB": database.url],
      listeners: [("http", listener), ("http-private", privateListener)])
  }

  /// Starts a load on the shared listener and waits until it runs; it goes on until SIGTERM.
  func load(
    rate: Int, keepAlive: Int, newConnection: Int, slowUpload: Int, seconds: Int = 60
  ) async throws -> Program {
    let load = try Program(
      "windlass",
      [
        "load", "--json", "--port", "\(port)", "--rate", "\(rate)", "--keep-alive",
        "\(keepAlive)", "--new-connection", "\(newConnection)", "--slow-upload", "\(slowUpload)",
        "--seconds", "\(seconds)",
      ])
    try await eventually("the load") { load.output.contains("\n") }
    return load
  }

  /// Ends the load and returns what it counted.
  static func finish(_ load: Program) async throws -> JSONValue {
    load.send(SIGTERM)
    return try await report(of: load)
  }

  /// Waits for the load's end and returns what it counted.
  static func report(of load: Program) async throws -> JSONValue {
    _ = await load.end()
    let line = try #require(load.output.split(separator: "\n").last)
    return try JSONValue.parse(Array(line.utf8))
  }

  private static func migration(_ version: Int, _ engine: BeaconEngine) throws -> String {
    let root = #filePath.components(before: "/Tests/")
    let folder = "\(root)/Migrations/beacon/\(engine.rawValue)"
    let listing = try #require(opendir(folder))
    defer { closedir(listing) }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasPrefix("\(version)_") else { continue }
      let file = try #require(fopen("\(folder)/\(name)", "r"))
      defer { fclose(file) }
      var text = [UInt8](repeating: 0, count: 65_536)
      let count = fread(&text, 1, text.count, file)
      return String(decoding: text.prefix(count), as: UTF8.self)
    }
    throw CancellationError()
  }

  private static func listen() throws -> (CInt, UInt16) {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
      }
    }
    try #require(isBound && Glibc.listen(descriptor, 1_024) == 0)
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}

extension String {
  /// What stands before `mark`.
  fileprivate func components(before mark: String) -> String {
    var end = startIndex
    while end < endIndex, !self[end...].hasPrefix(mark) { formIndex(after: &end) }
    return String(self[..<end])
  }
}
