import Foundation
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Plays a recording against the simulated server, at the recording's times.
struct TranscriptReplay {
  let transcript: Transcript
  private var server: SimulatedAPIServer
  private var translation = Translation()
  /// When the recording began.
  private let start: Timestamp
  private var tokens = ["admin": "the administrator"]
  private var watches: [Int: Watching] = [:]
  /// What differs, by the number of the step.
  private(set) var differences: [Int: [String]] = [:]

  /// One open watch.
  private struct Watching {
    var identity: WatchIdentity
    var seen = 0
    var ended: Timestamp?
    /// The latest event, where the recording leaves out all between the third and the last.
    var latest: WatchEvent?
  }

  /// Whether the controllers were held up by something that the recording does not show.
  private var areControllersHeld = false
  /// What went on besides the recorded requests.
  private let scenes: [JSONValue]
  /// What the node agent does, and how much of it is done.
  private let agent: NodeAgent
  private var actsDone = 0
  private var lastAct: Int64 = 0
  /// What the controllers of workloads did, for as long as the recording watches workloads.
  private let work: [RecordedWork.Deed]
  private var deedsDone = 0
  private var lead: ControllerLead
  private var freeAgent: FreeAgent

  init(_ name: String) throws {
    transcript = try Transcript(name)
    start = Self.start(of: transcript)
    scenes = try Transcript.json("scenes")[name]?.array ?? []
    let isLed = transcript.watchesWorkloads
    agent = isLed ? NodeAgent() : NodeAgent(transcript)
    work = isLed ? RecordedWork(transcript).deeds : []
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
  }

  /// The time of the recording's beginning: that by which the objects that were made got the
  /// times that they have.
  private static func start(of transcript: Transcript) -> Timestamp {
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
      act(until: step.atMilliseconds)
      labour(before: step)
      checkQuiet(until: step.atMilliseconds)
      play(scenes.filter { $0["before"]?.integer == Int64(index) }, upTo: step)
      drain(until: start + .milliseconds(step.atMilliseconds))
      send(step, index)
    }
    play(scenes.filter { $0["before"]?.integer == Int64(transcript.steps.count) }, upTo: nil)
    act(until: .max)
    labour(before: nil)
    finishWatches()
  }

  // MARK: - The node agent

  private mutating func act(until time: Int64) {
    while actsDone < agent.acts.count, agent.acts[actsDone].atMilliseconds <= time {
      let act = agent.acts[actsDone]
      var place = max(act.atMilliseconds, lastAct)
      drain(until: start + .milliseconds(place))
      // The agent can't act on a pod before the pod is there.
      while translation.text(act.pod) == act.pod, place < min(time, act.atMilliseconds + 500) {
        place += 1
        drain(until: start + .milliseconds(place))
      }
      if translation.text(act.pod) == act.pod, place == time { return }
      actsDone += 1
      lastAct = place
      let now = start + .milliseconds(place)
      perform(act, at: now)
    }
  }

  private mutating func perform(_ act: NodeAgent.Act, at now: Timestamp) {
    let path =
      "/api/v1/namespaces/\(transcript.namespace ?? "")/pods/\(translation.text(act.pod))"
    let headers = [
      HTTPHeader("User-Agent", "kubelet/1.0"),
      HTTPHeader("Authorization", "Bearer the administrator"),
    ]
    let ask = { (method: String, path: String, body: JSONValue?) in
      APIRequest(method: method, path: path, headers: headers, body: body?.bytes ?? [])
    }
    switch act.deed {
    case .bind(let node):
      let body: JSONValue = ["target": ["name": .string(node)]]
      _ = server.respond(to: ask("POST", "\(path)/binding", body), at: now)
    case .remove:
      _ = server.respond(to: ask("DELETE", "\(path)?gracePeriodSeconds=0", nil), at: now)
    case .status(let status):
      let found = server.respond(to: ask("GET", path, nil), at: now)
      guard case .json(let pod) = found.body else { return }
      let body = NodeAgent.pod(pod, with: status)
      _ = server.respond(to: ask("PUT", "\(path)/status", body), at: now)
    }
  }

  // MARK: - Controllers

  /// Does what the controllers and the node agent had done when a step was taken.
  private mutating func labour(before step: Transcript.Step?) {
    let limit = step?.atMilliseconds ?? .max
    let version = step?.answer.flatMap(RecordedWork.version)
    while deedsDone < work.count {
      let deed = work[deedsDone]
      guard version.map({ deed.version <= $0 }) ?? (deed.atMilliseconds <= limit) else { return }
      checkQuiet(until: deed.atMilliseconds)
      deedsDone += 1
      lastAct = min(limit, max(deed.atMilliseconds, lastAct))
      let now = start + .milliseconds(lastAct)
      drain(until: now)
      switch deed.work {
      case .agent(let act): perform(act, at: now)
      case .gone(let pod):
        let key = ObjectKey(
          resource: "pods", namespace: transcript.namespace ?? "", name: translation.text(pod))
        while let next = server.nextTask, server.store.objects[key] != nil,
          next < now + .milliseconds(20)
        {
          drain(until: next)
        }
        lastAct = min(limit, (server.now - start).milliseconds)
      case .collected(let object):
        let name = translation.text(object.name)
        server.collectGarbage(
          only: ObjectKey(
            resource: "replicasets.apps", namespace: object.namespace, name: name))
      case .controller(let object):
        if !transcript.watchesPods(at: lastAct), object["kind"] == "ReplicaSet" {
          let left = Int(object.count("status", "terminatingReplicas"))
          freeAgent.end(allBut: left, of: translation.text(object.name), &server, now)
        }
        let found = lead.write(object, &server, &translation)
        let title = "\(object["kind"]?.string ?? "") \(object.name) at version \(deed.version)"
        note(found.map { "\(title): \($0)" }, transcript.watch(of: object) ?? 0)
      }
    }
  }

  /// In a pause of the recorded controllers, ours must have nothing to do either.
  private mutating func checkQuiet(until next: Int64) {
    let time = lastAct + 300
    guard next - lastAct > 700, deedsDone > 0, server.now <= start + .milliseconds(time),
      [lastAct, next].allSatisfy({ transcript.watchesPods(at: $0) && transcript.isLed(at: $0) })
    else { return }
    drain(until: start + .milliseconds(time))
    note(lead.leftovers(server), 0)
  }

  /// Controllers are led while the recording watches their work, and free otherwise.
  private mutating func leadControllers(at time: Timestamp) {
    let isLed = transcript.isLed(at: (time - start).milliseconds)
    if server.areControllersLed, !isLed {
      server.areControllersLed = false
      server.noticeAllWorkloads()
    }
    server.areControllersLed = isLed || areControllersHeld
  }

  // MARK: - Scenes

  private mutating func play(_ scenes: [JSONValue], upTo step: Transcript.Step?) {
    for scene in scenes {
      let now = start + .milliseconds(scene["at_ms"]?.integer ?? step?.atMilliseconds ?? 0)
      switch scene["do"]?.string {
      case "compact": server.compact()
      case "hold the controllers":
        drain(until: now)
        areControllersHeld = true
      case "let the controllers go":
        areControllersHeld = false
        server.areControllersLed = false
        server.noticeAllWorkloads()
      case "the first write of a turn": takeTurn(scene, at: now)
      case "refuse anonymous": server.allowsAnonymous = false
      case "allow anonymous": server.allowsAnonymous = true
      case "throttle": server.throttledUsers.insert(scene["user"]?.string ?? "")
      default:
        let first = scene["from"]?.integer ?? 0
        for turn in first..<first + (scene["times"]?.integer ?? 1) {
          let number = String(turn % (scene["modulo"]?.integer ?? .max))
          let text = (scene["body"]?.text ?? "")
            .replacingOccurrences(of: "\"TURN NUMBER\"", with: number)
            .replacingOccurrences(of: "TURN", with: number)
          drain(until: now)
          let answer = server.respond(
            to: request(
              scene["method"]?.string ?? "GET", scene["path"]?.string ?? "", body: text,
              type: scene["type"]?.string), at: now)
          keepToken(answer, scene["path"]?.string ?? "")
        }
      }
    }
  }

  /// Lets a controller that is held begin a turn, of which all but the first write is refused.
  private mutating func takeTurn(_ scene: JSONValue, at now: Timestamp) {
    drain(until: now)
    let key = ObjectKey(
      resource: scene["resource"]?.string ?? "", namespace: transcript.namespace ?? "",
      name: scene["name"]?.string ?? "")
    guard let controller = WorkloadController(rawValue: key.resource),
      let write = controller.turn(key, server.view(at: nil)).writes.first
    else { return }
    _ = server.carryOut(write)
  }

  // MARK: - Requests

  private func request(
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

  private func text(of body: JSONValue?) -> String {
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

  private mutating func send(_ step: Transcript.Step, _ index: Int) {
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

  private mutating func note(_ found: [String], _ index: Int) {
    if !found.isEmpty { differences[index, default: []] += found }
  }

  private func compareHeaders(
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
  private mutating func keepToken(_ answer: APIResponse, _ path: String) {
    guard path.hasSuffix("/token"), case .json(let body) = answer.body,
      let token = body.value(at: "/status/token")?.string
    else { return }
    let words = path.split(separator: "/")
    tokens["serviceaccount \(words[words.count - 2])"] = token
  }

  // MARK: - Watches

  private mutating func drain(until time: Timestamp) {
    let usesWorkloads = transcript.usesWorkloads
    while usesWorkloads, !transcript.watchesPods(at: (server.now - start).milliseconds) {
      let next = freeAgent.next(server, transcript.namespace ?? "", server.now)
      guard let first = [next, server.nextTask].compactMap(\.self).min() else { break }
      let due = max(first, server.now)
      guard due < time else { break }
      drainWatches(until: due)
      freeAgent.act(&server, transcript.namespace ?? "", due, &translation)
      guard server.now < time else { break }
    }
    drainWatches(until: time)
  }

  private mutating func drainWatches(until time: Timestamp) {
    leadControllers(at: server.now)
    server.advance(to: time)
    leadControllers(at: time)
    for (index, watch) in watches.sorted(by: { $0.key < $1.key }) {
      let step = transcript.steps[index]
      let end = start + .milliseconds(step.endedAt)
      let isOver = !step.isEndedByServer && end < time
      take(index, watch, step, until: isOver ? end : time)
    }
  }

  private mutating func take(
    _ index: Int, _ watch: Watching, _ step: Transcript.Step, until time: Timestamp
  ) {
    var watch = watch
    let report = server.drain(watch.identity, until: time)
    watch.ended = watch.ended ?? report.ended
    for event in report.events {
      if step.isAbridged, watch.seen >= 3 {
        watch.latest = event
        continue
      }
      defer { watch.seen += 1 }
      guard let recorded = step.events, watch.seen < recorded.count else {
        note(["event \(watch.seen) is too much: \(event.type) \(event.object.text)"], index)
        continue
      }
      compare(event, recorded[watch.seen], index, watch.seen)
    }
    watches[index] = watch
  }

  private mutating func compare(
    _ event: WatchEvent, _ wanted: JSONValue, _ index: Int, _ place: Int
  ) {
    var comparison = Comparison(translation)
    if wanted["type"]?.string != event.type {
      comparison.differences.append(
        "\(event.type) instead of \(wanted["type"]?.string ?? ""): \(event.object.text)")
    }
    comparison.compare(wanted["object"] ?? .null, event.object)
    translation = comparison.translation
    note(comparison.differences.map { "event \(place): \($0)" }, index)
  }

  private mutating func finishWatches() {
    let last = transcript.steps.map(\.endedAt).max() ?? 0
    drain(until: start + .milliseconds(last + 100))
    for (index, watch) in watches {
      let step = transcript.steps[index]
      let count = step.events?.count ?? 0
      if let latest = watch.latest, let last = step.events?.last {
        compare(latest, last, index, count)
      } else if watch.seen < count {
        note(["\(watch.seen) events instead of \(count)"], index)
      }
      if step.isEndedByServer {
        let offset = watch.ended.map { ($0 - start).milliseconds - step.endedAt }
        if offset.map({ abs($0) > 500 }) ?? true {
          note(["ended at \(offset.map(String.init) ?? "never") of the recorded end"], index)
        }
      } else if let ended = watch.ended, ended < start + .milliseconds(step.endedAt) {
        note(["the server ended the watch"], index)
      }
    }
  }
}
