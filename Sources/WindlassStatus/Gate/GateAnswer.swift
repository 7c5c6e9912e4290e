/// What the gate answers: a status that says enough for whoever looks at nothing else, and JSON.
package struct GateAnswer: Hashable, Sendable {
  package let status: Int
  /// One JSON object.
  package let body: String

  /// An answer with a body of one's own.
  package init(status: Int, body: String) {
    self.status = status
    self.body = body
  }

  /// An answer that nothing is known for; the words are put as they are into JSON.
  init(_ status: Int, _ reason: StaticString, _ message: String) {
    self.init(
      status: status,
      body: "{\"open\":false,\"recalled\":false,\"reason\":\"\(reason)\","
        + "\"message\":\"\(message)\"}\n")
  }
}
