import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// What controllers and node agent do between the recorded requests.
extension TranscriptReplay {
  /// Does what the controllers and the node agent had done when a step was taken.
  mutating func labour(before step: Transcript.Step?) {
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
      case .gone(let pod) where transcript.watchesJobs:
        jobLead.remove(translation.text(pod), transcript.namespace ?? "", &server)
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
      case .controller(let object) where transcript.watchesJobs:
        jobLead.write(object, &server, translation)
      case .collected(let object) where transcript.watchesJobs:
        jobLead.write(object, isDeletion: true, &server, translation)
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
  mutating func checkQuiet(until next: Int64) {
    let time = lastAct + 300
    guard next - lastAct > 700, deedsDone > 0, server.now <= start + .milliseconds(time),
      [lastAct, next].allSatisfy({ transcript.watchesPods(at: $0) && transcript.isLed(at: $0) })
    else { return }
    drain(until: start + .milliseconds(time))
    note(lead.leftovers(server), 0)
  }

  /// Controllers are led while the recording watches their work, and free otherwise.
  mutating func leadControllers(at time: Timestamp) {
    let isLed = transcript.isLed(at: (time - start).milliseconds)
    if server.areControllersLed, !isLed {
      server.areControllersLed = false
      server.noticeAllWorkloads()
    }
    server.areControllersLed = isLed || areControllersHeld
  }

  // MARK: - The node agent

  mutating func perform(_ act: NodeAgent.Act, at now: Timestamp) {
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
}
