package import WindlassCore

/// A database URL of the form `sqlite:///absolute/path.db`.
package enum SQLiteURL {
  /// The path that a URL names; parameters behind `?` are for the service's client and have no
  /// meaning here, except that a database in memory is refused.
  package static func path(of url: String) throws(StepFailure) -> String {
    let prefix = "sqlite://"
    guard url.hasPrefix(prefix) else { throw wrong("it does not begin with sqlite://") }
    let rest = url.dropFirst(prefix.count)
    let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2,
      parts[1].split(separator: "&").contains(where: { $0 == "mode=memory" })
    {
      throw wrong("a database in memory can't be shared with a service")
    }
    let path: String
    do throws(PercentText.Flaw) {
      path = try PercentText.decoded(parts[0])
    } catch .escape {
      throw wrong("a % in its path is not followed by two hexadecimal digits")
    } catch {
      throw wrong("its path is not UTF-8 or has a zero byte")
    }
    guard path.hasPrefix("/"), path.utf8.count > 1 else {
      throw wrong("its path is not absolute; behind sqlite:// comes a third slash")
    }
    return path
  }

  /// The URL of a path.
  package static func url(of path: String) -> String {
    var url = "sqlite://"
    for scalar in path.unicodeScalars {
      switch scalar {
      case "%": url += "%25"
      case "?": url += "%3F"
      case "#": url += "%23"
      case " ": url += "%20"
      default: url.unicodeScalars.append(scalar)
      }
    }
    return url
  }

  private static func wrong(_ reason: String) -> StepFailure {
    StepFailure(
      code: "BadURL", disposition: .stop,
      message: "The SQLite URL can't be used: \(reason). Write it as"
        + " sqlite:///var/lib/service/data.db.")
  }
}
