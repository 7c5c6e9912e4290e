import CurlTransport
import KubernetesFleet
import WindlassCore
import WindlassProof
import WindlassWire

/// Asks pods for their version and puts probes to them.
struct PodProbe: Sendable {
  let room: StepRoom

  /// One answer for each pod that was reached.
  func ask(_ question: PodQuestion) async -> [ProbeAnswer] {
    let fleet = room.wish.fleet
    let place = (fleet.deployment ?? fleet.statefulSet ?? fleet.daemonSet)?.version
    let runner = ProbeRunner(
      transport: room.transport, configuration: ProbeConfiguration(reach: .anywhere))
    var answers: [ProbeAnswer] = []
    for pod in question.pods {
      guard let base = PodProbe.baseURL(pod.address, question.port) else { continue }
      do {
        let version = try await version(base, place ?? VersionSpec())
        let failure = try await runner.runSafe(question.probes, against: base)
        answers.append(
          ProbeAnswer(id: pod.id, reportedVersion: version, failure: failure))
      } catch {
        // Nobody reached it, which says nothing about its release.
        continue
      }
    }
    return answers
  }

  /// The version that a server tells; nil for a reply that holds none.
  private func version(_ base: String, _ place: VersionSpec) async throws -> String? {
    let limits = HTTPLimits(
      bodySizeMax: Bounds.versionReplySizeMax, deadline: Bounds.probeTimeout)
    let answer = try await room.transport.send(
      HTTPRequest(url: base + place.path), limits: limits)
    guard (200..<300).contains(answer.status) else { return nil }
    // A reply that is no JSON tells no version, whatever else is wrong with it.
    return (try? JSONValue.parse(answer.body))?.value(at: place.pointer)?.string
  }

  /// `http://10.0.0.7:8080`; nil for what is no address.
  static func baseURL(_ address: String, _ port: Int) -> String? {
    let isPlain = address.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x46, 0x61...0x66, 0x2E, 0x3A: true
      default: false
      }
    }
    guard isPlain, !address.isEmpty, (1...65_535).contains(port) else { return nil }
    return address.contains(":") ? "http://[\(address)]:\(port)" : "http://\(address):\(port)"
  }
}
