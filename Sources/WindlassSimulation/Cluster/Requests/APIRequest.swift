package import WindlassWire

/// A request to the simulated API server.
package struct APIRequest: Hashable, Sendable {
  package var method: String
  /// The path with its query, as it stands in the request line.
  package var path: String
  package var headers: [HTTPHeader]
  package var body: [UInt8]

  package init(
    method: String = "GET", path: String, headers: [HTTPHeader] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.headers = headers
    self.body = body
  }

  /// The value of the first header of that name, whatever its case.
  func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

/// The answer of the simulated API server.
package struct APIResponse: Hashable, Sendable {
  /// What follows the headers.
  package enum Body: Hashable, Sendable {
    case json(JSONValue)
    case text(String)
    /// A stream of events, drained with `SimulatedAPIServer.drain`.
    case watch(WatchIdentity)
  }

  package var status: Int
  package var headers: [HTTPHeader]
  package var body: Body
  /// How the answer is lost on its way; nil when it arrives.
  package enum Loss: Hashable, Sendable {
    /// The connection is closed before a byte of the answer.
    case reset
    /// The connection stays open, and no byte comes.
    case silence
  }

  /// How the answer is lost; the other members are what it would have been.
  package var loss: Loss?
  /// Milliseconds that the server lets pass before it answers.
  package var delay: Int64

  package init(status: Int, headers: [HTTPHeader] = [], body: Body, delay: Int64 = 0) {
    self.status = status
    self.headers = headers
    self.body = body
    self.delay = delay
  }

  /// An answer of JSON.
  static func json(
    _ value: JSONValue, status: Int = 200, type: String = "application/json",
    headers: [HTTPHeader] = []
  ) -> APIResponse {
    APIResponse(
      status: status, headers: [HTTPHeader("Content-Type", type)] + headers, body: .json(value))
  }

  /// An answer that never comes to a request that is not carried out.
  static func lost(_ loss: Loss) -> APIResponse {
    var response = APIResponse.text("", status: 0)
    response.loss = loss
    return response
  }

  /// An answer of plain text.
  static func text(_ text: String, status: Int = 200) -> APIResponse {
    APIResponse(
      status: status, headers: [HTTPHeader("Content-Type", "text/plain; charset=utf-8")],
      body: .text(text))
  }
}

/// Names one open watch of a server.
package struct WatchIdentity: Hashable, Sendable {
  var number: Int
}
