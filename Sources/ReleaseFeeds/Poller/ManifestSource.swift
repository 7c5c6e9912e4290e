import WindlassCore

/// Where a manifest and its signature come from.
package enum ManifestSource: Hashable, Sendable {
  /// By HTTP; the signature has the same URL with `.minisig` behind the path.
  case web(url: String)
  /// From a file, for machines without a network; the signature lies beside it.
  case file(path: String)

  /// Reads `https://…`, `http://…`, `file:///…`, or a path; nil for an empty text, another scheme,
  /// and a file URL that names a host.
  package init?(_ text: String) {
    if text.hasPrefix("https://") || text.hasPrefix("http://") {
      self = .web(url: text)
    } else if text.hasPrefix("file:") {
      // file:/path and file:///path mean the same; file://host/path is another machine's.
      let rest = text.dropFirst(5)
      let path = rest.hasPrefix("//") ? rest.dropFirst(2) : rest
      guard path.hasPrefix("/"), !path.hasPrefix("//"),
        let decoded = try? PercentText.decoded(path)
      else { return nil }
      self = .file(path: decoded)
    } else {
      guard !text.isEmpty, !text.contains("://") else { return nil }
      self = .file(path: text)
    }
  }

  /// Where the signature is.
  package var signature: ManifestSource {
    switch self {
    case .file(let path): return .file(path: path + ".minisig")
    case .web(let url):
      let end = url.firstIndex { $0 == "?" || $0 == "#" } ?? url.endIndex
      return .web(url: url[..<end] + ".minisig" + url[end...])
    }
  }

  /// The place without a URL's query and user, which may hold a secret.
  package var place: String {
    switch self {
    case .file(let path): return path
    case .web(let url):
      let shown = url.prefix { $0 != "?" && $0 != "#" }
      let start = shown.firstIndex(of: "/").map { shown[$0...].prefix { $0 == "/" }.endIndex }
      guard let start else { return String(shown) }
      let authority = shown[start...].prefix { $0 != "/" }
      guard let user = authority.lastIndex(of: "@") else { return String(shown) }
      return String(shown[..<start] + shown[shown.index(after: user)...])
    }
  }
}
