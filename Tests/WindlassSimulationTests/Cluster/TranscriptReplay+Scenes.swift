import Foundation
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// What went on besides the recorded requests.
extension TranscriptReplay {
  mutating func play(_ scenes: [JSONValue], upTo step: Transcript.Step?) {
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
  mutating func takeTurn(_ scene: JSONValue, at now: Timestamp) {
    drain(until: now)
    let key = ObjectKey(
      resource: scene["resource"]?.string ?? "", namespace: transcript.namespace ?? "",
      name: scene["name"]?.string ?? "")
    guard let controller = WorkloadController(rawValue: key.resource),
      let write = controller.turn(key, server.view(at: nil)).writes.first
    else { return }
    _ = server.carryOut(write)
  }
}
