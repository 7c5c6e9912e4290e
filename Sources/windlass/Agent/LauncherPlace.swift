import ProcessFleet
import WindlassCore

/// The launcher that runs the instances of a sidecar's service.
struct LauncherPlace: Hashable, Sendable {
  /// From the root on, and the same in both containers.
  let folder: String
  let wake: LauncherWake

  /// Names a launcher's folder; a relative path starts at the working directory.
  init(folder: String, wake: LauncherWake) {
    self.folder = StateDirectory(folder).path
    self.wake = wake
  }

  /// Refuses services that a sidecar can't look after.
  func check(_ configurations: [ServiceConfiguration]) throws(CommandFailure) {
    guard let service = configurations.first, configurations.count == 1 else {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "A launcher runs one service, and the configuration has \(configurations.count): give each "
          + "its own file, sidecar and launcher.")
    }
    guard service.fleet.command.first?.hasPrefix("{artifact}/") == true else {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "spec.fleet.processes.command of \(service.name) names a program that is not of the "
          + "release: a launcher runs what its sidecar has verified. Write \"{artifact}/PROGRAM\".")
    }
  }
}

extension LauncherWake {
  /// Reads what a person wrote; nil when it is no way to tell a launcher.
  init?(text: String) {
    switch text {
    case "file": self = .file
    case "signal": self = .signal
    case _ where LauncherWake.isOfThisPod(text): self = .webhook(text)
    default: return nil
    }
  }

  /// Whether it is an http URL whose host is this machine by its writing: orders go nowhere else.
  private static func isOfThisPod(_ url: String) -> Bool {
    guard url.hasPrefix("http://"), TextRules.isManifestURL(url) else { return false }
    let authority = url.dropFirst("http://".count).prefix { $0 != "/" && $0 != "?" }
    let version6 = "[::1]"
    if authority.hasPrefix(version6) {
      let rest = authority.dropFirst(version6.count)
      return rest.isEmpty || rest.hasPrefix(":")
    }
    let host = authority.prefix { $0 != ":" }.lowercased()
    let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    return host == "localhost" || parts.count == 4 && parts[0] == 127 && !parts.contains(nil)
  }
}
