/// What is answered to one request.
package struct StatusReply: Hashable, Sendable {
  /// What there is to be had.
  private enum Page: String {
    case livez = "/livez"
    case readyz = "/readyz"
    case metrics = "/metrics"
  }

  package let status: Int
  package let mediaType: String
  package let body: String
  /// The methods that would do; nil where it was not the method.
  package let allowed: String?

  private init(
    _ status: Int, _ body: String, mediaType: String = "text/plain; charset=utf-8",
    allowed: String? = nil
  ) {
    self.status = status
    self.body = body
    self.mediaType = mediaType
    self.allowed = allowed
  }

  /// The answer to a request of that method for that path, with or without a query.
  package init(to method: String, _ target: String, from source: some StatusSource) async {
    if let reading = GateQuestion.read(target) {
      await self.init(to: method, reading, from: source)
      return
    }
    guard method == "GET" || method == "HEAD" else {
      self.init(405, "Only GET and HEAD are understood.\n", allowed: "GET, HEAD")
      return
    }
    let path = target.prefix { $0 != "?" }
    switch Page(rawValue: String(path)) {
    case .livez: self.init(await source.liveness())
    case .readyz: self.init(await source.readiness())
    case .metrics:
      self.init(
        200, Exposition.text(await source.metrics()), mediaType: Exposition.mediaType)
    case nil:
      self.init(404, "There is nothing here but /livez, /readyz, /metrics and /gate.\n")
    }
  }

  /// The answer of the gate. POST changes nothing either: some tools know no other method, and what
  /// they send with it is not looked at.
  private init(
    to method: String, _ reading: GateQuestion.Reading, from source: some StatusSource
  ) async {
    guard ["GET", "HEAD", "POST"].contains(method) else {
      self.init(405, "Only GET, HEAD and POST are understood.\n", allowed: "GET, HEAD, POST")
      return
    }
    let answer: GateAnswer
    switch reading {
    case .question(let question): answer = await source.gate(question)
    case .refused(let refusal): answer = refusal
    }
    self.init(answer.status, answer.body, mediaType: "application/json")
  }

  private init(_ report: HealthReport) {
    self.init(report.isGood ? 200 : 503, report.text)
  }
}
