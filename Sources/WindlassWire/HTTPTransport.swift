public import WindlassCore

/// One HTTP request as a value.
public struct HTTPRequest: Hashable, Sendable {
  public var method: String
  public var url: String
  /// Names and values in order; names compare without case.
  public var headers: [HTTPHeader]
  public var body: [UInt8]?

  public init(
    method: String = "GET", url: String, headers: [HTTPHeader] = [], body: [UInt8]? = nil
  ) {
    self.method = method
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// One header field.
public struct HTTPHeader: Hashable, Sendable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What a request may cost, and where it may go.
public struct HTTPLimits: Hashable, Sendable {
  /// Bytes of the body, counted as they arrive.
  public var bodySizeMax: Int64
  /// From the call to the last byte, redirects included.
  public var deadline: Interval
  /// Redirects that are followed, at most `Bounds.redirectsMax`; with 0, the default, a redirect is
  /// a reply like any other.
  public var redirectsMax: Int
  /// Which resolved addresses may be connected to.
  public var reach: HTTPReach
  /// The longest silence of the peer, in whole seconds; nil leaves it to the deadline.
  public var silenceMax: Interval?
  /// Whether the connection may serve later requests. Without it the peer is told to close: a
  /// server that drains would otherwise wait for us.
  public var keepsConnection: Bool

  public init(
    bodySizeMax: Int64, deadline: Interval, redirectsMax: Int = 0, reach: HTTPReach = .anywhere,
    silenceMax: Interval? = nil, keepsConnection: Bool = true
  ) {
    self.bodySizeMax = bodySizeMax
    self.deadline = deadline
    self.redirectsMax = redirectsMax
    self.reach = reach
    self.silenceMax = silenceMax
    self.keepsConnection = keepsConnection
  }
}

/// Which addresses a request may connect to, decided after the name was resolved.
public enum HTTPReach: Hashable, Sendable {
  /// Every address: the operator named the host.
  case anywhere
  /// Public addresses alone: no loopback, link-local, private or metadata address.
  case publicOnly
  /// This machine alone.
  case loopbackOnly
}

/// The beginning of a reply.
public struct HTTPResponse: Hashable, Sendable {
  public var status: Int
  public var headers: [HTTPHeader]
  /// The body, or nothing when it was streamed to a sink.
  public var body: [UInt8]

  public init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The value of the first header of that name, whatever its case.
  public func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// Why a request failed before a whole reply was there.
public struct HTTPError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; bounded, so it may label a metric.
  public enum Code: String, Sendable {
    case badURL, schemeRefused, addressRefused, redirectRefused, tooManyRedirects
    case unresolved, unreachable, timedOut, tooLarge, headersTooLarge, truncated
    case tlsRefused, cancelled, sinkFailed, other
  }

  public var code: Code
  /// What happened, to which URL (without its query), and what to do next.
  public var message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  public var description: String { message }
}

/// Carries requests; libcurl in production.
public protocol HTTPTransport: Sendable {
  /// Sends the request and collects the whole reply, whatever its status.
  func send(_ request: HTTPRequest, limits: HTTPLimits) async throws(HTTPError) -> HTTPResponse

  /// Sends the request and hands the body to `sink` piece by piece as it arrives; the returned
  /// reply has an empty body. A sink that throws ends the transfer with `sinkFailed`.
  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse
}
