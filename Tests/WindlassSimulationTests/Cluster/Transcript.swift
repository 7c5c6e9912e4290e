import Foundation
import WindlassWire

/// A recording of what a real API server answered.
struct Transcript {
  var name: String
  var namespace: String?
  var steps: [Step]

  /// One request and its answer.
  struct Step {
    var atMilliseconds: Int64
    var user: String
    var method: String
    var path: String
    var headers: [(String, String)]
    var body: JSONValue?
    var status: Int
    var answerHeaders: JSONValue
    var answer: JSONValue?
    /// The events of a watch, nil for everything else.
    var events: [JSONValue]?
    var endedAt: Int64
    var isEndedByServer: Bool
    /// Whether the recording leaves out the events between the third and the last.
    var isAbridged: Bool
  }

  /// The folder of the recordings.
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Transcripts")

  /// Names of all recordings that are here.
  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".json") && $0.first?.isNumber == true }
      .map { String($0.dropLast(5)) }.sorted()
  }()

  static func json(_ name: String) throws -> JSONValue {
    let data = try Data(contentsOf: folder.appendingPathComponent("\(name).json"))
    return try JSONValue.parse(
      Array(data), limits: JSONLimits(sizeMax: 8 << 20, depthMax: 100, elementsMax: 100_000))
  }

  init(_ name: String) throws {
    let json = try Self.json(name)
    self.name = name
    namespace = json["namespace"]?.string
    steps = (json["steps"]?.array ?? []).map(Step.init)
    for correction in try Self.json("corrections")[name]?.array ?? [] {
      guard let index = correction["step"]?.integer.map(Int.init) else { continue }
      steps[index].body = correction["body"]
    }
  }
}

extension Transcript.Step {
  init(_ json: JSONValue) {
    let request = json["request"] ?? .null
    let response = json["response"] ?? .null
    atMilliseconds = json["at_ms"]?.integer ?? 0
    user = request["as"]?.string ?? ""
    method = request["method"]?.string ?? ""
    path = request["path"]?.string ?? ""
    headers = (request["headers"]?.object ?? []).map { ($0.name, $0.value.string ?? "") }
    body = request["body"]
    status = Int(response["status"]?.integer ?? 0)
    answerHeaders = response["headers"] ?? .object([])
    answer = response["body"]
    events = response["events"]?.array
    endedAt = response.value(at: "/ended/at_ms")?.integer ?? 0
    isAbridged = json["note"]?.string?.contains("are left out of this file") ?? false
    isEndedByServer = response.value(at: "/ended/by")?.string == "server"
  }
}

extension Transcript {
  private static let workloads = [
    "deployments", "replicasets", "statefulsets", "daemonsets", "poddisruptionbudgets",
  ]

  private func watches(_ resources: [String]) -> [Step] {
    steps.filter { step in resources.contains { step.path.contains("/\($0)?watch") } }
  }

  /// Whether the recording watches what controllers of workloads do.
  var watchesWorkloads: Bool { !watches(Self.workloads).isEmpty }

  /// Whether the recording watches Jobs.
  var watchesJobs: Bool { !watches(["jobs"]).isEmpty }

  /// Whether anything in it is about workloads.
  var usesWorkloads: Bool {
    steps.contains { step in Self.workloads.contains { step.path.contains("/\($0)") } }
  }

  /// Whether it does at that time.
  func isLed(at milliseconds: Int64) -> Bool {
    watches(Self.workloads).contains {
      $0.atMilliseconds <= milliseconds && milliseconds <= $0.endedAt
    }
  }

  /// Whether it watches pods at that time.
  func watchesPods(at milliseconds: Int64) -> Bool {
    watches(["pods"]).contains { $0.atMilliseconds <= milliseconds && milliseconds <= $0.endedAt }
  }

  /// The step that watches objects of an object's kind.
  func watch(of object: JSONValue) -> Int? {
    let resource = "/" + (object["kind"]?.string ?? "").lowercased() + "s?watch"
    return steps.firstIndex { $0.path.contains(resource) }
  }
}
