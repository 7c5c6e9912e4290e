import WindlassCore
import WindlassWire

/// A probe with every captured value put in: what to send, and what to expect.
struct ProbeQuestion {
  let probe: Probe
  let path: String
  let body: String?
  /// JSON pointers and the values that must stand there, in the order of the pointers.
  let expectedValues: [(pointer: String, value: JSONValue)]

  /// Why a probe can't be asked.
  enum Defect: Error, Hashable {
    case missingValue(String)
    case badPath
    case tooLarge
    case badExpectation(pointer: String)

    /// The name that has no value, if that is the defect.
    var missingName: String? {
      guard case .missingValue(let name) = self else { return nil }
      return name
    }

    /// The defect in words that follow the probe's name.
    var sentence: String {
      switch self {
      case .missingValue(let name): "needs {\(name)}, which no earlier probe captured"
      case .badPath: "has a path that does not begin with /; write it without scheme and host"
      case .tooLarge: "is larger than \(Bounds.probeTextSizeMax) bytes with its values put in"
      case .badExpectation(let pointer):
        "expects at \(Excerpt.plain(pointer)) something that is no JSON"
      }
    }
  }

  /// Puts the values in.
  init(_ probe: Probe, captures: ProbeCaptures) throws(Defect) {
    self.probe = probe
    guard probe.path.hasPrefix("/") else { throw .badPath }
    path = try Self.expand { () throws(ProbeTemplate.MissingValue) in
      try ProbeTemplate.expand(path: probe.path, with: captures)
    }
    body =
      if let text = probe.body { try Self.expandJSON(text, with: captures) } else { nil }
    var expected: [(pointer: String, value: JSONValue)] = []
    for (pointer, text) in probe.expectedValues.sorted(by: { $0.key < $1.key }) {
      let text = try Self.expandJSON(text, with: captures)
      guard let value = try? JSONValue.parse(Array(text.utf8)) else {
        throw .badExpectation(pointer: pointer)
      }
      expected.append((pointer, value))
    }
    expectedValues = expected
  }

  /// The request to a server.
  func request(to baseURL: String) -> HTTPRequest {
    var headers = [HTTPHeader("Accept", "application/json")]
    if body != nil { headers.append(HTTPHeader("Content-Type", "application/json")) }
    return HTTPRequest(
      method: probe.method.uppercased(), url: baseURL + path, headers: headers,
      body: body.map { Array($0.utf8) })
  }

  /// What the reply shows.
  func judge(_ reply: Result<HTTPResponse, HTTPError>, after spent: Interval) -> ProbeExchange {
    let title = Self.title(probe, path: path)
    func failed(_ reason: String, hasReply: Bool = true) -> ProbeExchange {
      ProbeExchange(
        result: ProbeResult(title: title, outcome: .failed(reason), duration: spent),
        hasReply: hasReply)
    }
    switch reply {
    case .failure(let error):
      return failed(
        "expected \(probe.expectedStatus), got no reply: \(Excerpt.plain(error.message))",
        hasReply: false)
    case .success(let response) where response.status != probe.expectedStatus:
      let complaint = Excerpt.complaint(response.body)
      return failed("expected \(probe.expectedStatus), got \(response.status): \(complaint)")
    case .success(let response):
      switch values(in: response) {
      case .failure(let mismatch): return failed(mismatch.sentence)
      case .success(let captured):
        return ProbeExchange(
          result: ProbeResult(title: title, outcome: .passed, duration: spent), captured: captured)
      }
    }
  }

  /// The probe's name, method and path as evidence shows them.
  static func title(_ probe: Probe, path: String) -> String {
    let name = Excerpt.plain(probe.name, limit: 100)
    let method = Excerpt.plain(probe.method, limit: 20).uppercased()
    return "probe \"\(name)\" \(method) \(Excerpt.plain(path, limit: 200))"
  }

  private struct Mismatch: Error {
    var sentence: String
  }

  private func values(in response: HTTPResponse) -> Result<ProbeCaptures, Mismatch> {
    guard !expectedValues.isEmpty || !probe.captures.isEmpty else { return .success([:]) }
    let limits = JSONLimits(sizeMax: Int(Bounds.probeReplySizeMax))
    let document: JSONValue
    do {
      document = try JSONValue.parse(response.body, limits: limits)
    } catch {
      let reason = Excerpt.plain(error.description, limit: 200)
      let reply = Excerpt.complaint(response.body)
      return .failure(Mismatch(sentence: "expected JSON, got (\(reason)): \(reply)"))
    }
    for (pointer, expected) in expectedValues {
      let found = document.value(at: pointer)
      guard let found, found.isEquivalent(to: expected) else {
        let got = found.map { Excerpt.plain($0.text) } ?? "nothing"
        let wish = "expected \(Excerpt.plain(expected.text)) at \(Excerpt.plain(pointer))"
        return .failure(Mismatch(sentence: "\(wish), got \(got)"))
      }
    }
    return captures(from: document)
  }

  private func captures(from document: JSONValue) -> Result<ProbeCaptures, Mismatch> {
    var captured: ProbeCaptures = [:]
    for (name, pointer) in probe.captures.sorted(by: { $0.key < $1.key }) {
      guard let value = document.value(at: pointer) else {
        let place = Excerpt.plain(pointer)
        return .failure(Mismatch(sentence: "expected a value at \(place) to capture, got nothing"))
      }
      captured[name] = value
    }
    return .success(captured)
  }

  private static func expandJSON(
    _ text: String, with captures: ProbeCaptures
  ) throws(Defect) -> String {
    try expand { () throws(ProbeTemplate.MissingValue) in
      try ProbeTemplate.expand(json: text, with: captures)
    }
  }

  private static func expand(
    _ body: () throws(ProbeTemplate.MissingValue) -> String
  ) throws(Defect) -> String {
    let expanded: String
    do {
      expanded = try body()
    } catch {
      throw .missingValue(error.name)
    }
    guard expanded.utf8.count <= Bounds.probeTextSizeMax else { throw .tooLarge }
    return expanded
  }
}

/// One question with its answer.
struct ProbeExchange {
  var result: ProbeResult
  var captured: ProbeCaptures = [:]
  /// Whether the server said anything at all.
  var hasReply = true

  /// A probe that could not be asked: skipped when an earlier failure is the reason, else failed.
  static func unasked(
    _ probe: Probe, because defect: ProbeQuestion.Defect, isLost: Bool
  ) -> ProbeExchange {
    let title = ProbeQuestion.title(probe, path: probe.path)
    let outcome: ProbeResult.Outcome =
      isLost ? .skipped(defect.sentence) : .failed(defect.sentence)
    return ProbeExchange(result: ProbeResult(title: title, outcome: outcome, duration: .zero))
  }
}
