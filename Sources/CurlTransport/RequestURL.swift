import CCurl
import WindlassCore
import WindlassWire

/// A URL that may be requested: `http` or `https`, with a host and without credentials.
///
/// Only libcurl's own parser reads URLs, once for the check and once for the connection, so that
/// both always mean the same host.
struct RequestURL: Hashable, Sendable {
  /// The URL in libcurl's normal form, without a fragment.
  let text: String
  /// `http` or `https`.
  let scheme: String
  /// Scheme, host and port: what credentials belong to and connections are shared by.
  let origin: String
  /// The URL without its query, fit for messages and logs.
  let display: String

  /// Reads the URL that a caller asks for.
  init(_ text: String) throws(HTTPError) {
    guard text.utf8.count <= Bounds.urlLengthMax else {
      throw HTTPError(
        .badURL, "The URL has more than \(Bounds.urlLengthMax) bytes; use a shorter one.")
    }
    let parser = try URLParser()
    let code = parser.set(text)
    guard code == CURLUE_OK else {
      throw HTTPError(
        .badURL,
        "\(RequestURL.quoted(text)) is not a usable URL (\(URLParser.reason(code))); "
          + "write it as https://host/path.")
    }
    try self.init(parser)
  }

  /// Reads what a reply's `Location` leads to from here.
  func following(_ location: String) throws(HTTPError) -> RequestURL {
    let refusal = "\(display) redirects to \(RequestURL.quoted(location))"
    guard location.utf8.count <= Bounds.urlLengthMax else {
      throw HTTPError(.redirectRefused, "\(display) redirects to a URL that is far too long.")
    }
    let parser = try URLParser()
    guard parser.set(text) == CURLUE_OK else {
      throw HTTPError(.badURL, "\(display) could not be read a second time.")
    }
    let code = parser.set(location)
    guard code == CURLUE_OK else {
      throw HTTPError(
        .redirectRefused, "\(refusal), which is not a usable URL (\(URLParser.reason(code))).")
    }
    do throws(HTTPError) {
      return try RequestURL(parser)
    } catch {
      throw HTTPError(
        error.code == .schemeRefused ? .schemeRefused : .redirectRefused,
        "\(refusal), which Windlass never follows: \(error.message)")
    }
  }

  private init(_ parser: URLParser) throws(HTTPError) {
    let scheme = parser.part(CURLUPART_SCHEME) ?? ""
    guard scheme == "http" || scheme == "https" else {
      throw HTTPError(
        .schemeRefused,
        "The scheme \(RequestURL.quoted(scheme)) is not carried over the network here; "
          + "use https:// or http://.")
    }
    guard parser.part(CURLUPART_USER) == nil, parser.part(CURLUPART_PASSWORD) == nil else {
      throw HTTPError(
        .badURL, "The URL carries a user name or password; send it in a header instead.")
    }
    guard let host = parser.part(CURLUPART_HOST), !host.isEmpty,
      let port = parser.part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)),
      let path = parser.part(CURLUPART_PATH), parser.clear(CURLUPART_FRAGMENT),
      let text = parser.part(CURLUPART_URL)
    else { throw HTTPError(.badURL, "The URL names no host; write it as https://host/path.") }
    self.text = text
    self.scheme = scheme
    origin = "\(scheme)://\(host.lowercased()):\(port)"
    let shownPort = parser.part(CURLUPART_PORT).map { ":\($0)" } ?? ""
    display = RequestURL.printable("\(scheme)://\(host)\(shownPort)\(path)")
  }

  /// Foreign text in quotation marks, without its query, short and without control characters.
  static func quoted(_ text: String) -> String {
    let end = text.firstIndex { $0 == "?" || $0 == "#" } ?? text.endIndex
    // What stands before an @ may be a password.
    let authority = text[..<end].split(separator: "/", maxSplits: 3).dropFirst().first ?? ""
    guard !authority.contains("@") else { return "a URL with credentials" }
    return "\"\(printable(String(text[..<end])))\""
  }

  private static func printable(_ text: String) -> String {
    let shown = text.unicodeScalars.prefix(200).map { scalar in
      (0x20...0x7E).contains(scalar.value) ? Character(scalar) : "?"
    }
    return String(shown) + (text.unicodeScalars.count > 200 ? "..." : "")
  }
}

/// One `CURLU`, freed with its owner.
private final class URLParser {
  private let handle: OpaquePointer

  init() throws(HTTPError) {
    guard let handle = curl_url() else {
      throw HTTPError(.other, "libcurl could not allocate memory for a URL.")
    }
    self.handle = handle
  }

  deinit { curl_url_cleanup(handle) }

  /// Reads an absolute URL, or one relative to what was read before.
  func set(_ text: String) -> CURLUcode {
    // A NUL would end the text for libcurl, and the rest would pass unseen.
    guard !text.utf8.contains(0) else { return CURLUE_MALFORMED_INPUT }
    return curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_NON_SUPPORT_SCHEME))
  }

  /// One part as text; nil when the URL has none.
  func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
    var text: UnsafeMutablePointer<CChar>?
    guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
    defer { curl_free(text) }
    return String(cString: text)
  }

  /// Removes one part; false when libcurl can't.
  func clear(_ part: CURLUPart) -> Bool { curl_url_set(handle, part, nil, 0) == CURLUE_OK }

  static func reason(_ code: CURLUcode) -> String {
    curl_url_strerror(code).map { String(cString: $0) } ?? "error \(code.rawValue)"
  }
}
