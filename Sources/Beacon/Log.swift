import Glibc

/// Lines on the standard error.
enum Log {
  /// Writes one line with one call, so that lines of several processes do not mix.
  static func write(_ message: String) {
    var line = "beacon[\(getpid())]: \(message)\n"
    line.withUTF8 { bytes in
      // A log line that cannot be written has nowhere to be reported.
      _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
  }
}
