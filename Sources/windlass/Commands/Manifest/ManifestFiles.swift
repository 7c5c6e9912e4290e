import ReleaseFeeds
import WindlassCore

/// Reads and writes a publisher's files; every failure is one paragraph that names the file.
enum ManifestFiles {
  /// A manifest's bytes; a file that is not there is wrong usage.
  static func manifest(_ path: String) throws(CommandFailure) -> [UInt8] {
    try read(path, sizeMax: Bounds.manifestSizeMax, what: "manifest", whenMissing: .usage)
  }

  /// The file that holds a manifest's signature.
  static func signaturePath(of manifest: String) -> String { manifest + ".minisig" }

  /// A small file of a publisher; `what` is its name in errors, `status` ends the program when it
  /// is not there.
  static func read(
    _ path: String, sizeMax: Int, what: String, whenMissing status: ExitStatus
  ) throws(CommandFailure) -> [UInt8] {
    do throws(FileError) {
      return try RegularFile.read(path, sizeMax: sizeMax)
    } catch {
      throw CommandFailure(
        error.isMissing ? status : .failed, error.isMissing ? "FileMissing" : "FileUnreadable",
        "The \(what) can't be read: \(error). Name a file that is there and can be read.")
    }
  }

  /// Replaces a public file.
  static func replace(_ path: String, with bytes: [UInt8]) throws(CommandFailure) {
    do throws(FileError) {
      try RegularFile.replace(path, with: bytes, mode: 0o644)
    } catch {
      throw unwritten(error)
    }
  }

  /// Writes a file that must not be there yet.
  static func create(
    _ path: String, with bytes: [UInt8], mode: UInt32
  ) throws(CommandFailure) {
    do throws(FileError) {
      try RegularFile.create(path, with: bytes, mode: mode)
    } catch {
      throw unwritten(error)
    }
  }

  private static func unwritten(_ error: FileError) -> CommandFailure {
    CommandFailure(
      .failed, "FileUnwritten",
      "The file was not written: \(error). Free the path, or the disk, and run the command again.")
  }
}

extension CommandFailure {
  /// A rule of the manifest's format that the file breaks.
  init(_ error: ManifestError, in path: String) {
    self.init(
      .failed, error.code.rawValue,
      "\(path) is no manifest that Windlass reads. \(error). Correct it; "
        + "windlass manifest lint \(path) shows everything at once.")
  }

  /// A key that can't be used.
  init(_ error: KeyError, in path: String) {
    self.init(.usage, "BadKey", "The key in \(path) can't be used: \(error).")
  }
}

extension Interval {
  /// Reads a validity such as `30d`, as an argument.
  static func validity(_ text: String) throws -> Interval {
    guard let interval = Interval(text), interval > .zero, interval <= .hours(24 * 3_650) else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\"\(text)\" is no validity. Write a number with a unit, such as 30d or 12h, up to 3650d.")
    }
    return interval
  }
}
