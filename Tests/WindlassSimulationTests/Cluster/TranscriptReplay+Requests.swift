import Foundation
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Requests of a recording, and how their answers are compared.
extension TranscriptReplay {
  func request(
    _ method: String, _ path: String, body: String, type: String? = nil, user: String = "admin",
    accept: String = "application/json"
  ) -> APIRequest {
    var headers = [
      HTTPHeader("Accept", accept), HTTPHeader("User-Agent", "windlass/1.0"),
      HTTPHeader("Content-Type", type ?? "application/json"),
    ]
    if let token = tokens[user] ?? (user == "nobody" ? nil : "a wrong one") {
      headers.append(HTTPHeader("Authorization", "Bearer \(token)"))
    }
    return APIRequest(method: method, path: path, headers: headers, body: Array(body.utf8))
  }

  func text(of body: JSONValue?) -> String {
    guard let body else { return "" }
    let times = /<(?:a ConfigMap with )?([0-9]+) times the letter y>/
    if let text = body.string {
      if let match = text.wholeMatch(of: times), let count = Int(match.output.1) {
        let long = String(repeating: "y", count: count)
        return "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"\(long)\"}}"
      }
      return text
    }
    let text = translation.body(body, current: server.revision).spacedText
    guard let match = text.firstMatch(of: times), let count = Int(match.output.1) else {
      return text
    }
    return text.replacingCharacters(
      in: match.range, with: String(repeating: "y", count: count))
  }

  mutating func send(_ step: Transcript.Step, _ index: Int) {
    let value = { (name: String) in step.headers.first { $0.0 == name }?.1 }
    let now = start + .milliseconds(step.atMilliseconds)
    let answer = server.respond(
      to: request(
        step.method, translation.path(step.path, current: server.revision),
        body: text(of: step.body), type: value("Content-Type"), user: step.user,
        accept: value("Accept") ?? "*/*"), at: now)
    keepToken(answer, step.path)
    var comparison = Comparison(translation)
    if answer.status != step.status {
      comparison.differences.append("status \(answer.status) instead of \(step.status)")
    }
    compareHeaders(answer, step, &comparison)
    switch answer.body {
    case .watch(let identity):
      if step.events == nil { comparison.differences.append("a watch instead of an answer") }
      watches[index] = Watching(identity: identity)
    case .json(let body): comparison.compare(step.answer ?? .null, body)
    case .text(let text):
      if step.answer?.string != nil, value("Accept") == "application/yaml" {
        comparison.compareYAML(step.answer?.string ?? "", text)
      } else {
        comparison.compare(step.answer ?? .null, .string(text))
      }
    }
    translation = comparison.translation
    note(comparison.differences, index)
  }

  mutating func note(_ found: [String], _ index: Int) {
    if !found.isEmpty { differences[index, default: []] += found }
  }

  func compareHeaders(
    _ answer: APIResponse, _ step: Transcript.Step, _ comparison: inout Comparison
  ) {
    for name in ["Content-Type", "Warning", "Retry-After"] {
      let recorded = step.answerHeaders[name]
      let wanted = recorded?.array?.compactMap(\.string) ?? [recorded?.string].compactMap { $0 }
      let ours = answer.headers.filter { $0.name == name }.map(\.value)
      if wanted != ours {
        comparison.differences.append("\(name) \(ours) instead of \(wanted)")
      }
    }
  }

  /// Lets the ServiceAccount whose token was issued sign in.
  mutating func keepToken(_ answer: APIResponse, _ path: String) {
    guard path.hasSuffix("/token"), case .json(let body) = answer.body,
      let token = body.value(at: "/status/token")?.string
    else { return }
    let words = path.split(separator: "/")
    tokens["serviceaccount \(words[words.count - 2])"] = token
  }
}
