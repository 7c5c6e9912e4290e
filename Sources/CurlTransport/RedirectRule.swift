import WindlassCore
import WindlassWire

/// Decides whether a reply is followed, and to where; libcurl never follows by itself.
enum RedirectRule {
  /// The request that a redirect asks for; nil when the reply is the answer.
  ///
  /// Nothing is followed unless the caller allows redirects: then a 301 is a reply like any other.
  static func next(
    after response: HTTPResponse, to request: HTTPRequest, at url: RequestURL, hopsDone: Int,
    limits: HTTPLimits
  ) throws(HTTPError) -> (request: HTTPRequest, url: RequestURL)? {
    guard follows(response, limits) else { return nil }
    let locations = response.headers.filter { $0.name.lowercased() == "location" }.map(\.value)
    guard let location = locations.first else { return nil }
    guard Set(locations).count == 1 else {
      throw HTTPError(.redirectRefused, "\(url.display) redirects to several places at once.")
    }
    guard request.method == "GET" || request.method == "HEAD", request.body == nil else {
      throw HTTPError(
        .redirectRefused,
        "\(url.display) redirects a \(request.method) request, which is not sent a second time; "
          + "use the address it redirects to.")
    }
    guard hopsDone < hopsMax(limits) else {
      throw HTTPError(
        .tooManyRedirects,
        "\(url.display) redirects once more after \(hopsDone) redirects; use the final address.")
    }
    let target = try url.following(location)
    guard !(url.scheme == "https" && target.scheme == "http") else {
      throw HTTPError(
        .redirectRefused,
        "\(url.display) redirects from https to http, where anybody on the way could answer.")
    }
    var next = request
    next.url = target.text
    if target.origin != url.origin {
      next.headers.removeAll { !harmless.contains($0.name.lowercased()) }
    }
    return (next, target)
  }

  /// Whether a reply is a redirect that the caller allows, so that its body is nobody's.
  static func follows(_ response: HTTPResponse, _ limits: HTTPLimits) -> Bool {
    limits.redirectsMax > 0 && [301, 302, 303, 307, 308].contains(response.status)
      && response.header("location") != nil
  }

  /// No caller can allow more than the bound of all requests.
  private static func hopsMax(_ limits: HTTPLimits) -> Int {
    min(limits.redirectsMax, Bounds.redirectsMax)
  }

  /// The headers that go to another origin: every other one may carry a secret meant for the first.
  private static let harmless: Set<String> = [
    "accept", "accept-language", "if-modified-since", "if-none-match", "user-agent",
  ]
}
