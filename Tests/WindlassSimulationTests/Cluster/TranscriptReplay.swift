import Foundation
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Plays a recording against the simulated server, at the recording's times.
struct TranscriptReplay {
  let transcript: Transcript
  var server: SimulatedAPIServer
  var translation = Translation()
  /// When the recording began.
  let start: Timestamp
  var tokens = ["admin": "the administrator"]
  var watches: [Int: Watching] = [:]
  /// What differs, by the number of the step.
  var differences: [Int: [String]] = [:]

  /// One open watch.
  struct Watching {
    var identity: WatchIdentity
    var seen = 0
    var ended: Timestamp?
    /// The latest event, where the recording leaves out all between the third and the last.
    var latest: WatchEvent?
  }

  /// Whether the controllers were held up by something that the recording does not show.
  var areControllersHeld = false
  /// What went on besides the recorded requests.
  let scenes: [JSONValue]
  /// What controllers and node agent did, for as long as the recording watches workloads or Jobs,
  /// how much of it is done, and when the last of it was.
  let work: [RecordedWork.Deed]
  var deedsDone = 0
  var lastAct: Int64 = 0
  var jobLead: JobLead
  var lead: ControllerLead
  var freeAgent: FreeAgent

  init(_ name: String) throws {
    transcript = try Transcript(name)
    start = Self.start(of: transcript)
    scenes = try Transcript.json("scenes")[name]?.array ?? []
    let isLed = transcript.watchesWorkloads || transcript.watchesJobs
    work = isLed ? RecordedWork(transcript).deeds : []
    jobLead = JobLead(isNeeded: transcript.watchesJobs)
    lead = ControllerLead(transcript)
    freeAgent = FreeAgent(transcript)
    let before = start + .seconds(-5)
    server = SimulatedAPIServer(at: before)
    server.addAdministrator("admin", token: "the administrator")
    let definition = try Transcript("02-crd").steps[5].answer ?? .null
    let body: JSONValue = [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": ["name": "managedservices.windlass.dev"],
      "spec": definition["spec"] ?? .null,
    ]
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    _ = server.respond(to: request("POST", path, body: body.text), at: before)
    server.advance(to: before + .seconds(1))
    if let namespace = transcript.namespace { server.createNamespace(namespace) }
    server.advance(to: start + .seconds(-3))
    jobLead.begin(&server)
  }

  /// The time of the recording's beginning: that by which the objects that were made got the
  /// times that they have.
  static func start(of transcript: Transcript) -> Timestamp {
    let made = transcript.steps.compactMap { step -> Int64? in
      guard step.status == 201,
        let text = step.answer?.value(at: "/metadata/creationTimestamp")?.string,
        let time = Timestamp(rfc3339: text)
      else { return nil }
      return time.milliseconds - step.atMilliseconds
    }
    let written = transcript.steps.flatMap { $0.events ?? [] }.compactMap { event -> Int64? in
      let entries = event.value(at: "/object/metadata/managedFields")?.array ?? []
      let times = entries.compactMap { $0["time"]?.string.flatMap(Timestamp.init(rfc3339:)) }
      guard let last = times.max(), let seen = event["at_ms"]?.integer else { return nil }
      return last.milliseconds - (seen - NodeAgent.lead)
    }
    let samples = made + written
    let fits = { (start: Int64) in samples.filter { $0 <= start && start <= $0 + 999 }.count }
    let best = samples.max { (fits($0), -$0) < (fits($1), -$1) }
    return Timestamp(milliseconds: best ?? 1_795_377_000_000)
  }

  /// Plays all steps.
  mutating func run() {
    for (index, step) in transcript.steps.enumerated() {
      labour(before: step)
      checkQuiet(until: step.atMilliseconds)
      play(scenes.filter { $0["before"]?.integer == Int64(index) }, upTo: step)
      drain(until: start + .milliseconds(step.atMilliseconds))
      send(step, index)
    }
    play(scenes.filter { $0["before"]?.integer == Int64(transcript.steps.count) }, upTo: nil)
    labour(before: nil)
    finishWatches()
  }
}
