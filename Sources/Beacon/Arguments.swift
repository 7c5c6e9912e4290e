import Glibc

/// What the command line and the environment asked for.
struct Arguments {
  var release: BeaconRelease
  /// `HOST:PORT` to listen on when no socket is inherited.
  var listenAddress: String?
  /// How long connections may take to end after SIGTERM, in milliseconds.
  var drainMilliseconds: Int64
  /// From the first real traffic to a faulty release's fault, in milliseconds.
  var faultAfterMilliseconds: Int64
  /// The database, from `BEACON_DB`.
  var database: DatabaseAddress

  static let usage = """
    usage: beacon serve [--release VERSION] [--listen HOST:PORT] [--drain MILLISECONDS]
                        [--fault-after MILLISECONDS]

    Serves feature flags over HTTP on the sockets that LISTEN_FDS names, or on --listen.
    Without --release the file `release` beside the executable names the release.
    The environment variable BEACON_DB names the database: sqlite:///path/file.db,
    postgres://user@host/database, cockroachdb://user@host/database or
    mysql://user@host/database
    """

  /// Reads the arguments after the program's name.
  init(_ words: [String]) throws(StartupError) {
    guard words.first == "serve" else { throw StartupError(Arguments.usage) }
    var releaseName: String?
    drainMilliseconds = 25_000
    faultAfterMilliseconds = 600
    if let text = Arguments.environment("BEACON_FAULT_AFTER") {
      faultAfterMilliseconds = try Arguments.milliseconds(text, "BEACON_FAULT_AFTER")
    }
    var rest = words.dropFirst()
    while let word = rest.popFirst() {
      guard let value = rest.popFirst() else {
        throw StartupError("beacon: \(word) needs a value.\n\(Arguments.usage)")
      }
      switch word {
      case "--release": releaseName = value
      case "--listen": listenAddress = value
      case "--drain": drainMilliseconds = try Arguments.milliseconds(value, word)
      case "--fault-after": faultAfterMilliseconds = try Arguments.milliseconds(value, word)
      default: throw StartupError("beacon: there is no option \(word).\n\(Arguments.usage)")
      }
    }
    let name: String
    if let releaseName {
      name = releaseName
    } else {
      name = try Arguments.releaseBesideExecutable()
    }
    guard let release = BeaconRelease(name: name) else {
      throw StartupError(
        "beacon: this executable does not hold release \(name); "
          + "it holds 1.0.0, 1.1.0, 1.1.1 and 1.2.0.")
    }
    self.release = release
    database = try Arguments.database()
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }

  private static func milliseconds(
    _ text: String, _ name: String
  ) throws(StartupError) -> Int64 {
    guard let value = Int64(text), (0...86_400_000).contains(value) else {
      throw StartupError("beacon: \(name) is a number of milliseconds, not \"\(text)\".")
    }
    return value
  }

  private static func database() throws(StartupError) -> DatabaseAddress {
    guard let url = environment("BEACON_DB") else {
      throw StartupError(
        "beacon: the environment variable BEACON_DB is missing; "
          + "set it to the database's URL, such as sqlite:///var/lib/beacon/beacon.db.")
    }
    return try DatabaseAddress(url: url)
  }

  /// An artifact holds the executable and a file `release`, so that one command line starts all.
  private static func releaseBesideExecutable() throws(StartupError) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let executable = String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self)
    let directory = executable.prefix(upTo: executable.lastIndex(of: "/") ?? executable.endIndex)
    let path = directory + "/release"
    guard let file = fopen(String(path), "r") else {
      throw StartupError("beacon: no --release was given, and there is no file \(path).")
    }
    defer { fclose(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = fread(&text, 1, text.count, file)
    return String(decoding: text.prefix(count).prefix { $0 > 0x20 }, as: UTF8.self)
  }
}
